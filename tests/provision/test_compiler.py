# SPDX-License-Identifier: Apache-2.0
"""C sources are compiled when something that decides the result has changed, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.provision import Recipe, compile_c, load_recipe
from harness.provision.compiler import find_compiled
from tests.provision.cache_children import left_over

RECIPE = """
name = "sample"
output = "sample.o"
sources = ["*.c"]
flags = ["-c", "-Iinclude"]
[variant.x86_64]
target = "x86_64-freestanding-none"
[variant.aarch64]
target = "aarch64-freestanding-none"
flags = ["-mstrict-align"]
"""

ELF_MACHINES = {"x86_64": 62, "aarch64": 183}
"""The field e_machine of an ELF header (System V ABI: EM_X86_64, EM_AARCH64)."""


@pytest.fixture
def folder(tmp_path: Path, cache: Path) -> Path:
    """Sources with a recipe, and an empty cache."""
    assert not cache.exists()
    made = tmp_path / "sources"
    (made / "include").mkdir(parents=True)
    (made / "recipe.toml").write_text(RECIPE)
    (made / "include/answer.h").write_text("#define ANSWER 42\n")
    (made / "sample.c").write_text('#include "answer.h"\nint answer(void) { return ANSWER; }\n')
    return made


def recipe(folder: Path, variant: str = "x86_64") -> Recipe:
    return load_recipe(folder / "recipe.toml", variant)


@pytest.mark.parametrize("arch", ["x86_64", "aarch64"])
def test_it_compiles_for_each_architecture(folder: Path, arch: str) -> None:
    made = (compile_c(recipe(folder, arch)).path / "sample.o").read_bytes()
    assert made[:4] == b"\x7fELF"
    assert int.from_bytes(made[18:20], "little") == ELF_MACHINES[arch]


def test_nothing_is_compiled_twice(folder: Path) -> None:
    assert find_compiled(recipe(folder)) is None
    made = compile_c(recipe(folder))
    assert find_compiled(recipe(folder)) == made
    assert compile_c(recipe(folder)).path == made.path


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [("sample.c", "ANSWER;", "ANSWER + 1;"), ("include/answer.h", "42", "43"), ("recipe.toml", "-c", "-c', '-O2")],
)
def test_a_changed_input_is_compiled_anew(folder: Path, file: str, before: str, after: str) -> None:
    first = compile_c(recipe(folder))
    changed = (folder / file).read_text().replace(before, after).replace("'", '"')
    (folder / file).write_text(changed)
    assert find_compiled(recipe(folder)) is None
    second = compile_c(recipe(folder))
    assert second.path != first.path
    assert second.files != first.files


def test_a_mistake_in_the_sources_is_shown(folder: Path, cache: Path) -> None:
    (folder / "sample.c").write_text("int answer(void) { return missing; }\n")
    with pytest.raises(HarnessError, match=r"compiling sample x86_64(.|\n)*undeclared identifier 'missing'"):
        compile_c(recipe(folder))
    assert find_compiled(recipe(folder)) is None
    assert left_over(cache) == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name = ", "recipe.toml: Invalid value"),
        (RECIPE.replace("[variant.x86_64]", "[variant.riscv]"), "the recipe for x86_64 has no 'x86_64'"),
        (RECIPE.replace('output = "sample.o"', ""), "the recipe for x86_64 has no 'output'"),
        (RECIPE.replace("*.c", "*.S"), "the sources '\\*.S' match no file"),
    ],
)
def test_a_wrong_recipe_is_explained(folder: Path, text: str, complaint: str) -> None:
    (folder / "recipe.toml").write_text(text)
    with pytest.raises(HarnessError, match=complaint):
        recipe(folder)


def test_a_recipe_that_is_not_there_is_explained(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"no recipe for x86_64: .*recipe.toml: No such file"):
        load_recipe(tmp_path / "recipe.toml", "x86_64")
