# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from harness.arch import ARCHES
from harness.errors import UsageError
from harness.provision.linux.recipe import BASE, load_base, load_recipe


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("config", "own.ko", "bzImage"):
        (tmp_path / name).write_text(name)
    (tmp_path / "tools").mkdir()
    return tmp_path


def _recipe(folder: Path, text: str) -> Path:
    file = folder / "guest.toml"
    file.write_text(text)
    return file


def test_everything_that_a_user_can_add(folder: Path) -> None:
    text = """
    packages = ["strace"]
    load = ["dummy", "own.ko"]
    include = ["tun"]
    cmdline = "quiet"
    [files]
    "/etc/config" = "config"
    "/opt" = "tools"
    [kernel]
    file = "bzImage"
    [aarch64]
    packages = ["gdbserver"]
    cmdline = "nosmp"
    """
    recipe = load_recipe(_recipe(folder, text), "aarch64")
    assert recipe.packages == ("strace", "gdbserver")
    assert recipe.load == ("dummy", str(folder / "own.ko"))
    assert recipe.files == {"/etc/config": folder / "config", "/opt": folder / "tools"}
    assert recipe.kernel is not None
    assert recipe.kernel.file == folder / "bzImage"
    assert recipe.cmdline == "quiet nosmp"
    assert load_recipe(folder / "guest.toml", "x86_64").packages == ("strace",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('package = ["strace"]', "unknown key 'package'; known are packages, load"),
        ('packages = "strace"', "packages is 'strace', expected is a list of strings"),
        ('load = ["gone.ko"]', "gone.ko does not exist"),
        ('[files]\n"/etc/x" = "gone"', "gone does not exist"),
        ('files = "config"', "'config' stands where a table is expected"),
        ('[kernel]\nconfig = "config"', "[kernel] names no file"),
        ('[kernel]\nfile = "bzImage"\nmodule = "x"', "unknown key 'module'"),
        ("[x86_64]\nroots = 1", "unknown key 'roots'"),
        ("packages = [", "guest.toml: "),
    ],
)
def test_a_mistake_is_named_with_its_file(text: str, said: str, folder: Path) -> None:
    with pytest.raises(UsageError) as error:
        load_recipe(_recipe(folder, text), "x86_64")
    assert "guest.toml: " in str(error.value)
    assert said in str(error.value)


def test_a_recipe_that_is_missing(folder: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        load_recipe(folder / "gone.toml", "x86_64")


def test_the_image_that_comes_with_the_harness_is_described_for_every_family_and_architecture() -> None:
    for family in ("debian", "ubuntu"):
        for arch in ARCHES:
            base = load_base(arch, family)
            assert base.kernel_package.startswith("linux-image-")
            assert "virtio_net" in base.modules
            assert f"console={'ttyS0' if arch == 'x86_64' else 'ttyAMA0'}" in base.cmdline
    with pytest.raises(UsageError, match=r"no packages are named for fedora; known are debian, ubuntu"):
        load_base("x86_64", "fedora", BASE)
