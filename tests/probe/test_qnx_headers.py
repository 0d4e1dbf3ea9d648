# SPDX-License-Identifier: Apache-2.0
"""The programs for QNX, compiled against declarations that hide what the vendor's headers hide."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from harness.arch import ARCHES, Arch
from tests.probe.qnx_build import IMAGES, complaints, planned

_RELEASES: Final = ("7.0", "7.1", "8.0")
_PROBE: Final = "probe/qnx"
_CLIENT: Final = "hostclient"
_LAYER: Final = "probe/platform/qnx"

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.mark.parametrize(("arch", "pci"), [*((arch, "yes") for arch in ARCHES), ("aarch64", "no")])
def test_the_probe_is_compiled_for_each_release(arch: Arch, pci: str) -> None:
    calls = planned(IMAGES / _PROBE, ARCH=arch, PCI=pci)
    # The core includes nothing that differs between releases.
    parts = {"7.0": "platform/qnx/", "7.1": "platform/qnx/", "8.0": ""}
    said = {release: complaints(calls, IMAGES / _PROBE, release, parts[release]) for release in _RELEASES}
    assert said == dict.fromkeys(_RELEASES, "")


@pytest.mark.parametrize("arch", ARCHES)
@pytest.mark.parametrize("release", ["7.1", "8.0"])
def test_the_hosts_client_is_compiled_for_each_release(arch: Arch, release: str) -> None:
    calls = planned(IMAGES / _CLIENT, ARCH=arch, RELEASE=release)
    assert complaints(calls, IMAGES / _CLIENT, release) == ""


@dataclass(frozen=True)
class _Slip:
    """An edit of one file that forgets something, the releases that refuse it, and the word that they complain of."""

    file: str
    right: str
    wrong: str
    refused: tuple[str, ...]
    word: str


_SLIPS: Final = {
    "no offsets of 64 bits": _Slip(
        f"{_PROBE}/Makefile", "-D_FILE_OFFSET_BITS=64", "", _RELEASES, "_FILE_OFFSET_BITS=64"
    ),
    "no extensions of QNX": _Slip(f"{_PROBE}/Makefile", "-D_QNX_SOURCE", "", _RELEASES, "PROT_NOCACHE"),
    "a type of large files": _Slip(f"{_LAYER}/memory.c", "off_t physical", "off64_t physical", _RELEASES, "off64_t"),
    "a function of large files": _Slip(
        f"{_LAYER}/memory.c", "return mem_offset(", "return mem_offset64(", _RELEASES, "mem_offset64"
    ),
    "a function that is new in 8.0": _Slip(
        f"{_LAYER}/memory.c",
        "return mem_offset(memory, NOFD, 1, &physical, NULL)",
        "off64_t wide; physical = 0; return posix_mem_offset64(memory, 1, &wide, NULL, NULL)",
        ("7.0", "7.1"),
        "posix_mem_offset64",
    ),
    "a function that 8.0 has removed": _Slip(
        f"{_LAYER}/interrupts.c",
        "InterruptAttachEvent((int)interrupt->line, &event, ATTACH_FLAGS)",
        "InterruptAttach((int)interrupt->line, NULL, NULL, 0, ATTACH_FLAGS)",
        ("8.0",),
        "InterruptAttach",
    ),
    "a flag that 8.0 has removed": _Slip(
        f"{_LAYER}/interrupts.c", "#if _NTO_VERSION >= 800", "#if 0", ("8.0",), "_NTO_INTR_FLAGS_TRK_MSK"
    ),
    "a stack for handlers before 8.0": _Slip(
        f"{_LAYER}/fault.c", "#if _NTO_VERSION >= 800", "#if 1", ("7.0", "7.1"), "SA_ONSTACK"
    ),
    "a version that no header gives": _Slip(
        f"{_LAYER}/fault.c", "_NTO_VERSION", "_NTO_RELEASE", _RELEASES, "_NTO_RELEASE"
    ),
    "an old way to attach in 8.0": _Slip(
        f"{_CLIENT}/Makefile", "MODES.8.0 := -D", "MODES.8.0 := -U", ("8.0",), "hyp_shm_attach"
    ),
    "a new way to attach in 7.1": _Slip(
        f"{_CLIENT}/Makefile", "MODES.7.1 := -U", "MODES.7.1 := -D", ("7.1",), "hyp_shm_attach_ext"
    ),
    "a clock without its header": _Slip(
        f"{_CLIENT}/client.c", "#include <time.h>\n", "", ("7.1", "8.0"), "CLOCK_MONOTONIC"
    ),
    "no extensions in the client": _Slip(f"{_CLIENT}/Makefile", "-D_QNX_SOURCE", "", ("7.1", "8.0"), "ChannelCreate"),
}


@pytest.mark.parametrize("slip", _SLIPS.values(), ids=_SLIPS)
def test_what_a_release_hides_is_refused(tmp_path: Path, slip: _Slip) -> None:
    images = tmp_path / "images"
    for folder in ("probe", _CLIENT):
        shutil.copytree(IMAGES / folder, images / folder, ignore=shutil.ignore_patterns("build"))
    file = images / slip.file
    text = file.read_text()
    assert slip.right in text
    file.write_text(text.replace(slip.right, slip.wrong))
    is_client = slip.file.startswith(_CLIENT)
    only = "" if is_client else "memory.c" if file.name == "Makefile" else file.name
    said: dict[str, str] = {}
    for release in ("7.1", "8.0") if is_client else _RELEASES:
        makefile = images / (_CLIENT if is_client else _PROBE)
        calls = planned(makefile, ARCH="aarch64", **({"RELEASE": release} if is_client else {}))
        if "posix_mem_offset64" in slip.wrong:
            calls = [[*call, "-D_LARGEFILE64_SOURCE"] for call in calls]
        said[release] = complaints(calls, makefile, release, only)
    assert tuple(release for release, words in said.items() if words) == slip.refused
    assert all(slip.word in said[release] for release in slip.refused)
