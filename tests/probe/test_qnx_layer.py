# SPDX-License-Identifier: Apache-2.0
"""The layer for QNX guests, as far as one can judge without the vendor's compiler: nothing missing, nothing twice."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.arch import ARCHES, Arch
from tests import programs

_FOLDER = Path(__file__).parents[2] / "targets" / "images" / "probe" / "qnx"
_INTERFACE = _FOLDER.parent / "platform" / "platform.h"
_VARIANTS: dict[Arch, str] = {"aarch64": "-Vgcc_ntoaarch64le", "x86_64": "-Vgcc_ntox86_64"}

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_DECLARATION = re.compile(r"^(?!typedef)[\w ]+[ *](\w+)\([^{};]*\);", re.MULTILINE)
_DEFINITION = re.compile(r"^(?!static|typedef)[\w ]+[ *](\w+)\([^{};]*\)\n\{", re.MULTILINE)

_needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def _make(folder: Path, arch: str, pci: str) -> tuple[subprocess.CompletedProcess[str], list[list[str]]]:
    """Runs the Makefile with a compiler that only writes down how it is called; the result of make, and the calls."""
    compiler, log = folder / "qcc", folder / "calls"
    compiler.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$*" >> {shlex.quote(str(log))}\nwhile [ "$1" != -o ]; do shift; done\n: > "$2"\n'
    )
    compiler.chmod(0o755)
    command = ["make", "-C", str(_FOLDER), f"ARCH={arch}", f"PCI={pci}", f"OUT={folder / 'out'}", f"QCC={compiler}"]
    done = programs.run(command, capture_output=True, text=True, check=False)
    calls = log.read_text().splitlines() if log.exists() else []
    return done, [call.split() for call in calls]


def _compiled(calls: list[list[str]]) -> list[Path]:
    return [_FOLDER / call[call.index("-c") + 1] for call in calls if "-c" in call]


@_needs_make
@pytest.mark.parametrize("pci", ["yes", "no"])
@pytest.mark.parametrize("arch", ARCHES)
def test_the_program_is_built_of_core_and_layer(tmp_path: Path, arch: Arch, pci: str) -> None:
    done, calls = _make(tmp_path, arch, pci)
    assert done.returncode == 0, done.stderr
    sources = _compiled(calls)
    assert all(call[0] == _VARIANTS[arch] for call in calls)
    assert set((_FOLDER.parent / "core").glob("*.c")) <= {source.resolve() for source in sources}
    link = calls[-1]
    assert "-c" not in link
    assert Path(link[-1]).parent == tmp_path / "out"
    objects = [word for word in link if word.endswith(".o")]
    assert len(set(objects)) == len(sources)
    assert all(Path(word).exists() for word in objects)
    assert ("-lpci" in link) == (pci == "yes")


@_needs_make
@pytest.mark.parametrize("pci", ["yes", "no"])
def test_every_function_of_the_interface_is_defined_once(tmp_path: Path, pci: str) -> None:
    _, calls = _make(tmp_path, "aarch64", pci)
    sources = [_COMMENT.sub("", source.read_text()) for source in _compiled(calls) if source.suffix == ".c"]
    defined = [name for source in sources for name in _DEFINITION.findall(source)]
    wanted = _DECLARATION.findall(_COMMENT.sub("", _INTERFACE.read_text()))
    assert {"memory_map", "platform_facts", "power_off", "probe_main"} <= set(wanted)
    assert {name: defined.count(name) for name in wanted} == dict.fromkeys(wanted, 1)


@_needs_make
@pytest.mark.parametrize(("arch", "pci"), [("arm", "yes"), ("aarch64", "maybe")])
def test_a_wrong_choice_is_refused(tmp_path: Path, arch: str, pci: str) -> None:
    done, calls = _make(tmp_path, arch, pci)
    assert done.returncode != 0
    assert not calls
    assert "not arm" in done.stderr or "not maybe" in done.stderr
