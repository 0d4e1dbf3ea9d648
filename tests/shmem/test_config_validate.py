# SPDX-License-Identifier: Apache-2.0
"""Configurations that can be read and that qvm is taken to refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.shmem.config import missing_files, parse, validate
from harness.shmem.profile import Profile

GOOD = [
    "system g\nram 0x40000000,128M\nvdev pl011 loc 0x9000000 intr gic:33\nvdev shmem loc 0x1c050000 intr gic:43",
    "system g\nram 640K\nrom 0xc0000,256K\nram 1G\nvdev ioapic loc 0xfec00000 intr apic name io\n"
    "vdev ser8250 loc io:0x3f8 intr io:4\nvdev 8259 loc 0x20\nvdev 8259 loc 0xa0\n"
    "vdev hpet loc 0xf8008000 intrmap io:2",
    "vdev shmem name a:b\nvdev shmem\nvdev shmem loc 0x1000 intr gic:40",
    "pass loc mem:$start{ram},$len{ram},rwcxm\nvdev shmem loc 0x1000 intr gic:32",
    "ram 0x2000,4k ram 0,4k vdev shmem loc 0x1000 intr gic:40 vdev pl011 loc 0x3000",
    "pass loc pci:0x8086/0x1533 intr gic:50\nset a b",
]


@pytest.mark.parametrize("text", GOOD)
def test_nothing_is_wrong(text: str) -> None:
    assert validate(parse(text), Profile.load("7.0")) == []


BAD = [
    # text, where, code, part of the message
    ("system a/b", "1:1", "bad-name", "name of the system"),
    ("system ..", "1:1", "bad-name", "'..'"),
    (f"system {'s' * 255}", "1:1", "name-too-long", "name of the system is too long"),
    (f"vdev shmem name {'€' * 85}", "1:12", "name-too-long", "found 255 bytes, expected at most 254"),
    ("ram 0", "1:1", "size-zero", "memory of size 0"),
    ("rom 0xffffffffffff0000,1M", "1:1", "size-too-large", ""),
    ("ram 0x1000,8k\nvdev shmem loc 0x2000 intr gic:40", "2:12", "address-collision", "vdev shmem at 0x2000"),
    ("vdev shmem loc 0x1c050000 intr gic:40 vdev pl011 loc 0x1c050800 intr gic:41", "1:50", "address-collision", ""),
    ("vdev shmem loc 0x2000 intr gic:40 pass loc mem:0x1000,0x2000,rw", "1:40", "address-collision", "pass at"),
    ("vdev 8259 loc 0x20 vdev ser8250 loc io:0x21", "1:33", "address-collision", "vdev ser8250 at 0x21"),
    ("vdev shmem name a vdev pl011 name a", "1:30", "duplicate-name", "two vdevs are named 'a'"),
    ("vdev shmem name a/b", "1:12", "bad-name", "name of the vdev"),
    ("vdev ioapic name io:1 intr apic", "1:13", "controller-name", "'io:1'"),
    (
        "vdev pl011 name u vdev shmem loc 0x1000 intr u:4",
        "1:41",
        "unknown-controller",
        "'u' is the name of a vdev that is not an interrupt controller",
    ),
    (
        "vdev pl011 intr gic:37 vdev shmem loc 0x1000 intr gic:37",
        "1:46",
        "interrupt-used",
        "gic:37 is used twice: found the first at",
    ),
    (
        "vdev gic name g vdev pl011 intr gic:37 vdev shmem loc 0x1000 intr g:37",
        "1:62",
        "interrupt-used",
        "g:37 is used",
    ),
    ("vdev pl011 intr gic:37 pass intr gic:37", "1:29", "interrupt-used", ""),
    ("vdev pl011 intr gic:40 fdt pass intr gic:40,t=72", "1:33", "interrupt-used", "gic:40 is used twice"),
    ("ram 0,1M ram 0x80000,1M", "1:10", "address-collision", "ram at 0x80000 collides with ram at 0x0-0xfffff"),
    ("ram 0,8k pass loc 0x10000,4k loc 0x1000,4k,r", "1:30", "address-collision", "pass at 0x1000"),
    ("vdev shmem loc 0x1c050000", "1:12", "placement", "'loc' without 'intr'"),
    ("vdev shmem loc 0x1c050010 intr gic:40", "1:12", "placement", "found 0x1c050010, expected a multiple of 0x1000"),
    ("vdev shmem loc 0x1c050000 intr gic", "1:32", "placement", "interrupt has no line"),
    ("vdev shmem loc\n", "1:12", "release", "'loc' without an address"),
    ("vdev shmem loc 0x1c050000 loc", "1:27", "release", "'loc' without an address"),
    ("vdev shmem intr gic:40", "1:17", "placement", "'intr' without 'loc'"),
    ("vdev shmem gid 5", "1:12", "release", "'gid' is not known to this release"),
    ("vdev shmem umask 022", "1:12", "release", "'umask'"),
    ("vdev shmem create a,4k,0600", "1:12", "release", "MODE of 'create'"),
    ("vdev shmem create a,0", "1:12", "size-zero", "region of size 0"),
    ("vdev shmem create ,4k", "1:12", "bad-name", "region without a name"),
    (f"vdev shmem create {'n' * 32},4k", "1:12", "name-too-long", "of 32 bytes, expected at most 31 bytes"),
    (f"vdev shmem create {'€' * 11},4k", "1:12", "name-too-long", "of 33 bytes"),
    ("vdev shmem create \udcff/,0", "1:12", "size-zero", ""),
    ('vdev shmem allow ""', "1:12", "empty-pattern", "pattern of 'allow' is empty"),
]


@pytest.mark.parametrize(("text", "where", "code", "message"), BAD)
def test_problem(text: str, where: str, code: str, message: str) -> None:
    (problem,) = validate(parse(text, "t"), Profile.load("7.0"))
    assert (str(problem.position), problem.code) == (f"t:{where}", code)
    assert message in str(problem)


BY_PROFILE = [
    # text, field, a reading that refuses it, one that does not
    ("vdev shmem loc 0x1000", "loc_without_intr", "rejected", "accepted"),
    ("vdev shmem intr gic:40", "intr_without_loc", "rejected", "accepted"),
    ("vdev shmem loc", "bare_loc", "rejected", "accepted"),
    ("vdev shmem gid 5", "permission_options", "rejected", "accepted"),
    ("vdev pl011 intr gic:37 vdev shmem loc 0x1000 intr gic:37", "intr_collision", "rejected", "accepted"),
    ("ram 0,1M vdev shmem loc 0x1000 intr gic:37", "loc_collision", "rejected", "accepted"),
    ("vdev shmem allow a deny b", "mixed_rules", "rejected", "first-match"),
    ('vdev shmem deny ""', "pattern_empty", "rejected", "matches-empty"),
    ("vdev shmem subst a,b subst c,d", "subst_several", "rejected", "last"),
    ("vdev shmem create a,100", "create_rounding", "rejected", "up"),
    (f"vdev shmem create {'n' * 32},4k", "name_unterminated", "illegal", "legal"),
    ("vdev shmem create ,4k", "name_empty", "illegal", "legal"),
]


@pytest.mark.parametrize(("text", "field", "refusing", "accepting"), BY_PROFILE)
def test_the_profile_decides(text: str, field: str, refusing: str, accepting: str) -> None:
    config = parse(text)
    assert len(validate(config, Profile.load("7.0", {field: refusing}))) == 1
    assert validate(config, Profile.load("7.0", {field: accepting})) == []


def test_a_group_without_a_mode() -> None:
    config = parse("vdev shmem create a,4k,,users")
    assert [problem.code for problem in validate(config, Profile.load("8.0"))] == ["gid-without-mode"]
    assert validate(config, Profile.load("8.0", {"gid_without_mode": "accepted"})) == []
    assert [problem.code for problem in validate(config, Profile.load("7.1"))] == ["release"]


def test_all_problems_are_reported_in_the_order_of_the_text() -> None:
    text = "ram 0\nvdev shmem name a\n loc 0x2000\n create b,0\nvdev shmem name a\n loc 0x4000 intr io:3"
    assert [(problem.position.line, problem.code) for problem in validate(parse(text), Profile.load("7.0"))] == [
        (1, "size-zero"),
        (3, "placement"),
        (4, "size-zero"),
        (5, "duplicate-name"),
    ]


def test_missing_files_are_found_from_the_directory_of_qvm(tmp_path: Path) -> None:
    (tmp_path / "kernel").write_bytes(b"")
    config = parse(f"load kernel\ninitrd load {tmp_path / 'kernel'}\ndata load 0x1000,gone\nload .", "t")
    assert [str(problem).split(",")[0] for problem in missing_files(config, tmp_path)] == [
        "t:3:1: no such file: found 'gone'",
        "t:4:1: no such file: found '.'",
    ]


def test_a_file_whose_name_is_too_long_for_any_is_missing(tmp_path: Path) -> None:
    config = parse(f"system a\nload {'x' * 300}")
    assert [problem.position.line for problem in missing_files(config, tmp_path)] == [2]
