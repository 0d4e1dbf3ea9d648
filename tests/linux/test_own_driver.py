# SPDX-License-Identifier: Apache-2.0
"""The recipes of docs/own-driver.md, with a small module of the distribution in the place of a user's."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from harness.arch import ARCHES, Arch
from harness.bench.trial import BOOT_SECONDS, trial
from harness.provision.linux.image import linux_image, linux_kernel

_DOCUMENT: Final = Path(__file__).resolve().parents[2] / "docs/own-driver.md"


def _recipes() -> Sequence[str]:
    return re.findall(r"```toml\n(.*?)```", _DOCUMENT.read_text(), flags=re.DOTALL)


@pytest.fixture(scope="module", params=ARCHES)
def arch(request: pytest.FixtureRequest) -> Arch:
    found: Arch = request.param
    return found


def test_a_users_module_is_loaded(arch: Arch, tmp_path: Path) -> None:
    """The document's second recipe, whose module is one that needs another one."""
    (packed,) = (linux_kernel(arch).path / "modules").rglob("vxlan.ko*")
    shutil.copy(packed, tmp_path / f"my_shmem{packed.name.removeprefix('vxlan')}")
    (tmp_path / "my-test").write_text("#!/usr/bin/sh\nlsmod\n")
    (tmp_path / "my-test").chmod(0o755)
    recipe = tmp_path / "guest.toml"
    recipe.write_text(_recipes()[1].replace("my_shmem.ko", f"my_shmem{packed.name.removeprefix('vxlan')}"))
    with trial(tmp_path) as bench:
        guest = bench.start(linux_image(arch, recipe), "guest0")
        guest.console.log_in(BOOT_SECONDS)
        lines, status = guest.console.run("my-test")
    loaded = [line.split()[0] for line in lines]
    assert status == 0
    assert {"vxlan", "udp_tunnel"} <= set(loaded), lines


def test_a_module_of_the_kernel_is_loaded(tmp_path: Path) -> None:
    recipe = tmp_path / "guest.toml"
    recipe.write_text(_recipes()[0])
    with trial(tmp_path) as bench:
        guest = bench.start(linux_image("aarch64", recipe), "guest0")
        guest.console.log_in(BOOT_SECONDS)
        assert guest.console.run("ip link show dummy0")[1] == 0
