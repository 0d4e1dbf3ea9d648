# SPDX-License-Identifier: Apache-2.0
"""Systems and policies that could be taken for closed, and are not, or not known to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.audit.audit import Audit, audit, strictly
from harness.audit.policy_file import read_policy
from harness.audit.system import read_system
from harness.audit.text import verdict
from harness.shmem.config import parse_file
from harness.shmem.profile import PROFILES


def _audited(folder: Path, vms: dict[str, str], channels: list[str] | None = None) -> Audit:
    for name, text in vms.items():
        (folder / f"{name}.qvmconf").write_text(f"system {name}\n{text}\n" if text else "")
    policy = None
    if channels is not None:
        (folder / "policy.yaml").write_text("channels:\n" + "".join(f"  - {{{channel}}}\n" for channel in channels))
        policy = read_policy(str(folder / "policy.yaml"))
    return audit(read_system([str(folder)]), "7.0", PROFILES["7.0"], policy)


def _codes(found: Audit, severity: str = "error") -> set[str]:
    return {finding.code for finding in found.findings if finding.severity == severity}


@pytest.mark.parametrize(
    ("rules", "channels", "apart"),
    [
        (
            {"a": "cam_1", "b": "cam_1", "c": "cam_*", "d": "cam_*"},
            ["region: cam_1, members: [a, b]", 'region: "cam_*", members: [c, d]'],
            ("a", "b", "c", "d"),
        ),
        ({"a": "x", "b": "x", "c": "x"}, ["region: x, members: [a, b]", "region: x, members: [b, c]"], ("a", "c")),
        (
            {"a": "x", "b": "x", "c": "x", "d": "x"},
            ["region: x, members: [a, b]", "region: x, members: [c, d]"],
            ("a", "b", "c", "d"),
        ),
        (
            {"a": "x*", "b": "x*", "c": "x1"},
            ['region: "x*", members: [a, b]', "region: x1, members: [b, c]"],
            ("a", "c"),
        ),
    ],
)
def test_channels_that_overlap_do_not_add_up(
    tmp_path: Path, rules: dict[str, str], channels: list[str], apart: tuple[str, ...]
) -> None:
    found = _audited(tmp_path, {vm: f"vdev shmem allow {rule}" for vm, rule in rules.items()}, channels)
    assert not found.closed
    assert [finding.vms for finding in found.findings if finding.code == "forbidden-meeting"] == [apart]


def test_every_two_members_may_have_a_channel_of_their_own(tmp_path: Path) -> None:
    pairs = [f"region: x, members: [{one}, {other}]" for one, other in ("ab", "bc", "ac")]
    found = _audited(tmp_path, dict.fromkeys("abc", "vdev shmem allow x"), pairs)
    assert found.closed


@pytest.mark.parametrize("region", ["x" * 40, "a/b", "a\\tb"])
def test_a_channel_that_no_region_can_be_in(tmp_path: Path, region: str) -> None:
    channels = ["region: y, members: [a, b]", f'region: "{region}", members: [a, b]']
    found = _audited(tmp_path, dict.fromkeys("ab", "vdev shmem allow y"), channels)
    assert _codes(found) == {"unused-channel"}


def test_a_member_that_stands_there_twice_is_one(tmp_path: Path) -> None:
    found = _audited(tmp_path, {"a": "vdev shmem allow y"}, ["region: y, members: [a, a]"])
    assert "unused-channel" in _codes(found, "warning")


@pytest.mark.parametrize(
    "text",
    [
        "vdev $D\n  allow x",
        "vdev ${KIND} allow x",
        "vdev shmen\n  allow *",
        "vdev /opt/vendor/vdev-shmem-ext.so\n  deny y",
        "cpu\nallow x",
        "load\nvdev shmem\n  loc 0x1c0e0000\n  allow *",
        "allow x",
        "vdev pl011\n  subst a,b",
        "pass\n  loc mem:0x1000,0x1000,rw\n  deny z",
    ],
)
def test_what_may_be_a_device_of_shared_memory_proves_nothing(tmp_path: Path, text: str) -> None:
    found = _audited(tmp_path, {"a": text, "b": "vdev shmem allow x"})
    assert "undecided" in _codes(found)
    assert verdict(found).startswith("NOT PROVED")


def test_the_last_line_is_as_strict_as_the_exit_status(tmp_path: Path) -> None:
    found = _audited(tmp_path, {"a": "vdev shmem allow x\nfrobnicate 3", "b": "vdev shmem allow x"})
    assert verdict(found).startswith("closed")
    assert not verdict(strictly(found)).startswith("closed")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file has no option: it describes no VM"),
        (" \n\t\n", "the file has no option: it describes no VM"),
        ("# system a\n#vdev shmem\n\n", "the file has no option: it describes no VM"),
        ("\ufeff# system a", "the file has no option: it describes no VM"),
        (
            "system a\nload\nvdev shmem\n",
            "'load' is the 'vdev' that begins the next line; is it missing?",
        ),
        (
            "system a\nvdev shmem\n  name\n  allow x\n",
            "'name' is the 'allow' that begins the next line",
        ),
        (
            "system a\nvdev shmem\n  allow\n  deny x\n",
            "'allow' is the 'deny' that begins the next line",
        ),
        ("system a\nvdev shmen\n", "is 'shmem' meant?"),
        ("system a\nvdev Shmem\n", "is 'shmem' meant?"),
        ("system a\nvdev vdev-shmmem.so\n", "is 'shmem' meant?"),
        ("system a\nvdev virtio-blkk\n", "is 'virtio-blk' meant?"),
        ("system a\nvdev pl011x\n", "is 'pl011' meant?"),
    ],
)
def test_a_word_about_what_looks_like_a_slip(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.qvmconf").write_text(text)
    config = parse_file(str(tmp_path / "a.qvmconf"))
    assert any(said in remark.text for remark in config.remarks), [remark.text for remark in config.remarks]
