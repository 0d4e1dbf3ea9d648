# SPDX-License-Identifier: Apache-2.0
"""What a module uses of the kernel is known from its object file, and has to be what the kernel offers."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.arch import ARCHES, Arch
from harness.errors import HarnessError
from harness.provision import everything
from harness.provision.linux import elf
from harness.provision.linux.driver import versions
from tests.linux.conftest import compile_object

SOURCE = """
int own = 1;
static int hidden;
extern int theirs, unused;
int used(int);
int call(void) { return used(own + theirs + hidden++); }
"""
OFFERED = {"used": "0x00000002", "theirs": "0x00000001", "other": "0x00000003"}


@pytest.mark.parametrize("arch", ARCHES)
def test_what_an_object_uses_and_does_not_have(arch: Arch, tmp_path: Path) -> None:
    content = compile_object(tmp_path, SOURCE, arch, "-c", "-fno-pic")
    assert sorted(elf.undefined_symbols(content)) == ["theirs", "used"]


def test_the_list_of_checksums_names_what_is_used() -> None:
    assert versions(["theirs"], OFFERED) == '{ 0x00000001, "theirs" },\n'


def test_a_kernel_with_checksums_wants_the_one_of_its_layout_first() -> None:
    rows = versions(["used", "theirs"], {**OFFERED, "module_layout": "0x00000009"}).splitlines()
    assert rows[0] == '{ 0x00000009, "module_layout" },'
    assert len(rows) == 3


def test_what_the_kernel_does_not_offer_is_named() -> None:
    with pytest.raises(HarnessError, match="offers no gone, lost to modules"):
        versions(["used", "gone", "lost"], OFFERED)


def test_a_set_up_goes_on_without_the_driver(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only tests need it, and they say what is wrong."""

    def gone(arch: Arch) -> None:
        raise HarnessError(f"no headers for {arch}", remedy="take others")

    monkeypatch.setattr(everything, "has_headers", lambda _: True)
    monkeypatch.setattr(everything, "linux_driver", gone)
    found = everything.provision(["x86_64"], ["linux"])
    assert "Linux kernel x86_64" in found
    assert "Linux driver x86_64" not in found
    assert "only tests of it need: no headers for x86_64\n  remedy: take others" in capsys.readouterr().err
