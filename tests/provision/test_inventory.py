# SPDX-License-Identifier: Apache-2.0
"""The manifest names everything that takes part, with the hash of what is really there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.arch import ARCHES, Arch
from harness.provision import manifest, probe_image, qvm_program, register_server, window_library
from harness.provision.cache import sha256


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warm_cache: Path) -> dict[Arch, Path]:
    """A QEMU per architecture on PATH, good enough by what they say of themselves."""
    assert warm_cache.is_dir()
    made: dict[Arch, Path] = {}
    for arch in ARCHES:
        made[arch] = tmp_path / "bin" / f"qemu-system-{arch}"
        made[arch].parent.mkdir(exist_ok=True)
        made[arch].write_text(f"#!/bin/sh\n# {arch}\necho 'QEMU emulator version 10.1.2, \"vfio-user-pci\"'\n")
        made[arch].chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return made


def test_the_manifest(programs: dict[Arch, Path]) -> None:
    items = {item.name: item for item in manifest(images=["probe"])}
    for arch, program in programs.items():
        found = items[f"qemu-system-{arch}"]
        assert (found.version, found.sha256, found.source) == ("10.1.2", sha256(program), f"PATH ({program})")
        assert items[f"probe-{arch}"].sha256 == sha256(probe_image(arch))
    assert items["window-library"].sha256 == sha256(window_library())
    assert items["qvm"].sha256 == sha256(qvm_program())
    assert items["register-server"].sha256 == sha256(register_server())
    assert items["zig"].version == items["ziglang"].version
    assert items["harness"].source.startswith("git ")
    assert len(items["pytest"].sha256) == 64
    assert "seabios" not in items, "no package takes part when QEMU is the machine's own"
