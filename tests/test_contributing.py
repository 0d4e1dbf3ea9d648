# SPDX-License-Identifier: Apache-2.0
"""The recipes of CONTRIBUTING name files that exist, and names that stand in these files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_RECIPES = dict(
    re.findall(r"### (.+)\n((?:(?!#{2,3} ).*\n)+)", (_ROOT / "CONTRIBUTING.md").read_text().partition("## Recipes")[2])
)
_PATH = re.compile(r"(?:harness|tests|suites|docs|examples|fixtures|targets)/[\w./-]*\w(?![\w/<*-])")
# What a reader of the recipes makes.
_MADE = ("targets/desk.yaml", "test_names_that_differ_in_their_last_character")


def _files(recipe: str) -> list[Path]:
    """The files that a recipe names: by a path, or beside another one by their name."""
    paths = [_ROOT / found for found in _PATH.findall(recipe) if found not in _MADE]
    folders = {path if path.is_dir() else path.parent for path in paths}
    short = [name for name in re.findall(r"`([a-z_]+\.py)`", recipe) if name not in {path.name for path in paths}]
    return [*paths, *(next((folder / name for folder in folders if (folder / name).is_file()), _ROOT / name)
                      for name in short)]  # fmt: skip


def test_there_are_recipes() -> None:
    assert len(_RECIPES) == 6


@pytest.mark.parametrize("title", _RECIPES)
def test_the_files_of_a_recipe_exist(title: str) -> None:
    assert [path for path in _files(_RECIPES[title]) if not path.exists()] == []


@pytest.mark.parametrize("title", _RECIPES)
def test_the_names_of_a_recipe_stand_in_its_files(title: str) -> None:
    """Functions, classes and constants: what has an underscore or a capital letter."""
    named = set(re.findall(r"`([A-Za-z_.]*[A-Z_][A-Za-z_.]*)(?:\(\))?`", _RECIPES[title]))
    text = "\n".join(path.read_text() for path in _files(_RECIPES[title]) if path.is_file())
    lacking = [name for name in named if not re.search(rf"\b{name.rpartition('.')[2]}\b", text)]
    assert [name for name in lacking if name not in _MADE and not name.endswith(".py")] == []
