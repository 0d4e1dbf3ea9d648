# SPDX-License-Identifier: Apache-2.0
"""The emulated host refuses what it does not know, in its own words and with the line; ``lint`` only remarks on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.emulator.machine.plan import plan
from harness.shmem.config import ConfigError, parse
from harness.shmem.profile import PROFILES

VM = "system g\nram 128M\nload kernel\n"
REFUSED = [
    ("vdev shmem alow x", "the emulated host cannot do this for shmem: found alow"),
    ("vdev shmem loc $ADDRESS intr gic:43", "no variable of that name is set: found $ADDRESS"),
    ("vdev shmem create a,$SIZE", "no variable of that name is set: found a,$SIZE"),
    ("vdev shmem allow $A*", "no variable of that name is set: found $A*"),
    ("ram $MORE", "the emulated host does not know this value: found $MORE"),
    ("frobnicate 1", "the emulated host cannot do this: found frobnicate"),
    ("strange thing\n  option 1", "the emulated host has no hardware to pass through: found strange"),
    ("dtb load kernel", "the emulated host cannot load this: found dtb"),
    ("vdev pl011 turbo 3", "the emulated host cannot do this for pl011: found turbo"),
    ("vdev pl011 intr cpu:irq", "pl011 of this machine is fixed: found cpu:irq"),
    ("cpu affinity 0x3", "the emulated host has plain CPUs: found affinity"),
]


@pytest.fixture(name="directory")
def _directory(tmp_path: Path) -> Path:
    (tmp_path / "kernel").write_bytes(bytes(0x38) + b"ARM\x64" + bytes(600))
    return tmp_path


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_what_is_not_known_is_refused(directory: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan(parse(VM + text, "t"), directory, PROFILES["8.0"])
    assert caught.value.qvm_message().startswith(f"[t:4] {message}")


@pytest.mark.parametrize("library", ["vdev-shmem-safety.so", "shmem-safety", "/proc/boot/vdev-shmem.so"])
def test_the_safety_variant_is_deployed(directory: Path, library: str) -> None:
    text = f"vdev {library}\n  loc 0x1c050000 intr gic:43\n  allow a*\n"
    (placement,) = plan(parse(VM + text, "t"), directory, PROFILES["8.0"]).placements
    assert placement.loc == 0x1C050000
    assert [rule.pattern for rule in placement.vdev.rules] == ["a*"]
