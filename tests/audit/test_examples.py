# SPDX-License-Identifier: Apache-2.0
"""The example systems: what the command finds in each, by itself, against its policy, and between releases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main

SYSTEMS = Path(__file__).parents[2] / "examples" / "systems"
NAMES = sorted(path.name for path in SYSTEMS.iterdir())


def _audit(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    status = main(["audit", *arguments, "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_the_systems_are_there() -> None:
    assert len(NAMES) >= 6


@pytest.mark.parametrize("name", NAMES)
def test_the_findings_are_those_that_are_expected(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = SYSTEMS / name
    status, found = _audit(capsys, str(folder), "--policy", str(folder / "policy.yaml"))
    seen = {
        f"{one['severity']} {one['code']} {' '.join(sorted(one['vms']))}"
        for one in found["findings"]
        if one["severity"] != "note"
    }
    expected = set((folder / "expected.txt").read_text().splitlines())
    assert seen == expected
    assert found["closed"] is (not expected)
    assert status == int(bool(expected))


@pytest.mark.parametrize("name", NAMES)
def test_a_finding_says_where(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = SYSTEMS / name
    _, found = _audit(capsys, str(folder), "--policy", str(folder / "policy.yaml"))
    for one in found["findings"]:
        if one["code"] != "depends-on-reading":
            assert one["line"] > 0, one
            assert Path(one["file"]).is_file(), one


def test_a_release_that_starts_another_vm(capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(SYSTEMS / "differs-by-release")
    status, found = _audit(capsys, folder, "--release", "7.0", "--release", "8.0")
    assert status == 1
    assert [one["witness"] for one in found if one["code"] == "access-appears" and len(one["vms"]) == 2] == ["log"]


def test_two_versions_of_the_files(capsys: pytest.CaptureFixture[str]) -> None:
    wide, leak = str(SYSTEMS / "closed"), str(SYSTEMS / "deny-only-leak")
    status, found = _audit(capsys, leak, "--compare", wide)
    assert status == 1
    lost = {tuple(one["vms"]) for one in found if one["code"] == "access-disappears"}
    gained = {tuple(one["vms"]) for one in found if one["code"] == "access-appears"}
    assert ("telematics",) in lost
    assert ("cluster", "telematics") in lost
    assert ("guest",) in gained
    assert ("cluster", "guest") in gained


def test_equal_versions_differ_in_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(SYSTEMS / "wildcard-too-wide")
    assert _audit(capsys, folder, "--compare", folder) == (0, [])


def test_a_proposed_policy_is_met(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(SYSTEMS / "closed")
    assert main(["audit", folder, "--propose-policy"]) == 0
    policy = tmp_path / "policy.yaml"
    policy.write_text(capsys.readouterr().out)
    status, found = _audit(capsys, folder, "--policy", str(policy))
    assert (status, found["closed"]) == (0, True)


def test_findings_as_sarif(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", str(SYSTEMS / "deny-only-leak"), "--sarif"]) == 1
    log = json.loads(capsys.readouterr().out)
    assert log["version"] == "2.1.0"
    run = log["runs"][0]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        place = result["locations"][0]["physicalLocation"]
        assert Path(place["artifactLocation"]["uri"]).is_file()
        assert place["region"]["startLine"] > 0
