# SPDX-License-Identifier: Apache-2.0
"""Input that is wrong or hard: a clear message, and never a wrong 'closed'."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli import main

VM = "system {name}\nram 0x80000000,128M\ncpu\nvdev shmem\n"


@pytest.fixture
def vm(tmp_path: Path):  # type: ignore[no-untyped-def]
    """Writes a configuration with these options of one vdev shmem."""

    def write(name: str, *options: str, system: str = "") -> str:
        path = tmp_path / f"{name}.qvmconf"
        path.write_text(VM.format(name=system or name) + "".join(f"  {option}\n" for option in options))
        return str(path)

    return write


def _codes(capsys: pytest.CaptureFixture[str], *arguments: str) -> set[str]:
    assert main(["audit", *arguments, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert not found["closed"]
    return {one["code"] for one in found["findings"] if one["severity"] != "note"}


def test_two_vms_of_one_name(vm, capsys) -> None:  # type: ignore[no-untyped-def]
    files = vm("a", "allow x", system="same"), vm("b", "allow x", system="same")
    assert "same-vm-name" in _codes(capsys, *files)


def test_a_variable_without_a_value_proves_nothing(vm, capsys) -> None:  # type: ignore[no-untyped-def]
    assert "undecided" in _codes(capsys, vm("a", "allow ${REGION}"), vm("b", "allow x"))


@pytest.mark.parametrize("count", [6, pytest.param(40, marks=pytest.mark.long)])
def test_a_list_that_blows_up_is_never_called_closed(count: int, vm, capsys) -> None:  # type: ignore[no-untyped-def]
    letters = "abcdefghijklmnopqrstuvwxyz" * 3
    rules = [f"allow *{letters[at]}*{letters[at + 3]}*{letters[at + 8]}*" for at in range(count)]
    codes = _codes(capsys, vm("a", *rules), vm("b", "allow *a*"))
    assert codes & {"meeting-by-wildcard", "undecided"}


def test_a_mixed_list_where_qvm_refuses_it(vm, capsys) -> None:  # type: ignore[no-untyped-def]
    files = vm("a", "allow x", "deny y"), vm("b", "allow x")
    assert main(["audit", *files, "--json"]) in (0, 1)
    found = json.loads(capsys.readouterr().out)
    assert any(one["code"] == "depends-on-reading" and "mixed_rules" in one["text"] for one in found["findings"])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("channels: 3\n", 1),
        ("channels:\n  - region: x\n", 2),
        ("channels:\n  - region: x\n    members: [a]\n    colour: red\n", 4),
        ("channels:\n  - region: 7\n    members: [a]\n", 2),
        ("channels:\n  - region: x\n    members: a\n", 3),
        ("channels:\n  - region: x\n    members: [a]\n    size: many\n", 4),
        ("channels:\n  - region: x\n    members: [nobody]\n", 2),
        ("channels: [\n", 2),
        ("rules: []\nchannels: []\n", 1),
    ],
)
def test_a_wrong_policy_is_named_with_its_line(text: str, line: int, vm, tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    policy = tmp_path / "policy.yaml"
    policy.write_text(text)
    assert main(["audit", vm("a", "allow x"), "--policy", str(policy)]) == 1
    assert f"{policy}:{line}:" in capsys.readouterr().err


def test_files_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", str(tmp_path / "nothing.qvmconf")]) == 3
    assert "nothing.qvmconf" in capsys.readouterr().err
    assert main(["audit", str(tmp_path)]) == 3
    assert main(["audit"]) == 3


@pytest.mark.parametrize(
    ("channel", "code"),
    [
        ("{region: x, members: [a, b], size: 8K}", "wrong-size"),
        ("{region: y, members: [a, b]}", "missing-access"),
        ("{region: x, members: [a]}", "surplus-access"),
        ("{region: x*, members: [a, b]}", "missing-access"),
    ],
)
def test_a_policy_that_is_not_met(channel: str, code: str, vm, tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    policy = tmp_path / "policy.yaml"
    policy.write_text(f"channels:\n  - {channel}\n")
    files = vm("a", "allow x", "create x,0x1000"), vm("b", "allow x")
    assert code in _codes(capsys, *files, "--policy", str(policy))


def test_a_policy_that_is_met(vm, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    policy = tmp_path / "policy.yaml"
    policy.write_text("channels:\n  - {region: x, members: [a, b], size: 4K}\n")
    assert main(["audit", vm("a", "allow x", "create x,0x1000"), vm("b", "allow x"), "--policy", str(policy)]) == 0


def test_rules_that_overlap_in_too_many_ways_come_to_an_end(vm, capsys) -> None:  # type: ignore[no-untyped-def]
    """Sixty rules with two stars on each side: few edges for each state, but many places."""
    files = (
        vm("a", *(f"allow *a{number}*b*" for number in range(60))),
        vm("b", *(f"deny *b{number}*" for number in range(60))),
    )
    assert "undecided" in _codes(capsys, *files)
