# SPDX-License-Identifier: Apache-2.0
"""The report names the last proof of the suites, when it is of the commit that judged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.report.scope import proofs
from tests.verdict.world import Ran, World, git

COMMIT = "a" * 40


def _proof(reports: Path, number: int, **changed: str | int | bool) -> Path:
    known: dict[str, str | int | bool] = {
        "id": f"prove-{number}",
        "started": f"2026-01-0{number}T00:00:00+00:00",
        "harness_commit": COMMIT,
        "command": "harness prove",
        "verdict": "PASS",
        "faults": 120,
        "caught": 119,
        "planned": 121,
        "whole": True,
    }
    path = reports / f"prove-{number}/prove.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({**known, **changed}))
    return path


def test_the_newest_proof_of_the_same_commit_is_taken(tmp_path: Path) -> None:
    _proof(tmp_path, 1)
    wanted = _proof(tmp_path, 2)
    _proof(tmp_path, 3, harness_commit="b" * 40)
    _proof(tmp_path, 4, harness_commit=f"{COMMIT}+changes")
    _proof(tmp_path, 5).write_text("{")
    _proof(tmp_path, 6).write_text('{"id": 1}')
    found = proofs.newest(tmp_path, COMMIT)
    assert found is not None
    assert found[0] == wanted
    assert (found[1].id, found[1].caught, found[1].faults) == ("prove-2", 119, 120)
    assert proofs.newest(tmp_path, f"{COMMIT}+changes") is None
    assert proofs.newest(tmp_path, "") is None
    assert proofs.newest(tmp_path / "none", COMMIT) is None


def test_a_newer_proof_of_less_does_not_stand_in_for_one_of_all_faults(tmp_path: Path) -> None:
    """Neither one of some faults or none, nor one that has come to no verdict, hides a failure."""
    _proof(tmp_path, 1, verdict="FAIL")
    _proof(tmp_path, 2, faults=1, caught=1, whole=False)
    _proof(tmp_path, 3, faults=0, caught=0)
    _proof(tmp_path, 4, verdict="INCOMPLETE", faults=5, caught=5)
    found = proofs.newest(tmp_path, COMMIT)
    assert found is not None
    assert (found[1].id, found[1].verdict) == ("prove-1", "FAIL")


def test_a_run_without_a_proof_says_so(passed: Ran) -> None:
    assert "There was no proof of this commit" in passed.page
    assert passed.results["proof"] is None


@pytest.mark.long
def test_a_proof_is_kept_with_the_run(world: World) -> None:
    commit = git(world.harness, "rev-parse", "HEAD").strip()
    source = _proof(world.folder / "reports", 1, harness_commit=commit)
    run = world.qualify()
    assert run.verdict == "PASS", run.said
    assert (run.folder / "prove.json").read_bytes() == source.read_bytes()
    assert "119 of 120 faults that were put into the device were noticed" in run.page
    assert '<a href="prove.json">' in run.page
    assert run.results["proof"]["commit"] == commit
    assert world.command("verify", str(run.folder)).status == 0
