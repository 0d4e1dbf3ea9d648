# SPDX-License-Identifier: Apache-2.0
"""The layer for QNX guests, as far as one can judge without the vendor's compiler: nothing missing, nothing twice."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from harness.arch import ARCHES, Arch
from tests.probe.qnx_build import IMAGES, make, sources

_FOLDER = IMAGES / "probe/qnx"
_INTERFACE = _FOLDER.parent / "platform" / "platform.h"
_VARIANTS: dict[Arch, str] = {"aarch64": "-Vgcc_ntoaarch64le", "x86_64": "-Vgcc_ntox86_64"}

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_DECLARATION = re.compile(r"^(?!typedef)[\w ]+[ *](\w+)\([^{};]*\);", re.MULTILINE)
_DEFINITION = re.compile(r"^(?!static|typedef)[\w ]+[ *](\w+)\([^{};]*\)\n\{", re.MULTILINE)

_needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@_needs_make
@pytest.mark.parametrize("pci", ["yes", "no"])
@pytest.mark.parametrize("arch", ARCHES)
def test_the_program_is_built_of_core_and_layer(tmp_path: Path, arch: Arch, pci: str) -> None:
    done, calls = make(_FOLDER, tmp_path, ARCH=arch, PCI=pci)
    assert done.returncode == 0, done.stderr
    compiled = sources(calls, _FOLDER)
    assert all(call[0] == _VARIANTS[arch] for call in calls)
    assert set((_FOLDER.parent / "core").glob("*.c")) <= {source.resolve() for source in compiled}
    link = calls[-1]
    assert "-c" not in link
    assert Path(link[-1]).parent == tmp_path / "out"
    objects = [word for word in link if word.endswith(".o")]
    assert len(set(objects)) == len(compiled)
    assert all(Path(word).exists() for word in objects)
    assert ("-lpci" in link) == (pci == "yes")


@_needs_make
@pytest.mark.parametrize("pci", ["yes", "no"])
def test_every_function_of_the_interface_is_defined_once(tmp_path: Path, pci: str) -> None:
    _, calls = make(_FOLDER, tmp_path, ARCH="aarch64", PCI=pci)
    texts = [_COMMENT.sub("", source.read_text()) for source in sources(calls, _FOLDER) if source.suffix == ".c"]
    defined = [name for source in texts for name in _DEFINITION.findall(source)]
    wanted = _DECLARATION.findall(_COMMENT.sub("", _INTERFACE.read_text()))
    assert {"memory_map", "platform_facts", "power_off", "probe_main"} <= set(wanted)
    assert {name: defined.count(name) for name in wanted} == dict.fromkeys(wanted, 1)


@_needs_make
@pytest.mark.parametrize(("arch", "pci"), [("arm", "yes"), ("aarch64", "maybe")])
def test_a_wrong_choice_is_refused(tmp_path: Path, arch: str, pci: str) -> None:
    done, calls = make(_FOLDER, tmp_path, ARCH=arch, PCI=pci)
    assert done.returncode != 0
    assert not calls
    assert "not arm" in done.stderr or "not maybe" in done.stderr
