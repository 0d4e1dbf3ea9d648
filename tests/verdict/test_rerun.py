# SPDX-License-Identifier: Apache-2.0
"""What a run left is tried again: both attempts stay, and no failure becomes a pass by it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.verdict.world import Ran, World

BREAKS = '\n    import os\n    if bench.name == "left" and not os.path.exists({!r}): '
FAILS = "assert bench.name == 'other'"
BROKE = "raise RuntimeError('the bench broke')"


def _spoil(world: World, first: str, second: str = "") -> Path:
    """Let the tests misbehave on the left bench until a file is there."""
    mended = world.folder.parent / "mended"
    for head, statement in (("def test_1(bench, evidence):", first), ("def test_2(bench):", second)):
        if statement:
            world.edit("test_it.py", head, f"{head}{BREAKS.format(str(mended))}{statement}")
    world.commit()
    return mended


def _attempts(run: Ran) -> dict[str, list[str]]:
    return {
        f"{case['bench']} {case['test'][case['test'].index('::') + 2 :].partition('[')[0]}": [
            each["verdict"] for each in case["attempts"]
        ]
        for case in run.results["cases"]
    }


def test_a_failure_stays_one_and_an_error_does_not(world: World) -> None:
    mended = _spoil(world, FAILS, BROKE)
    first = world.qualify()
    assert first.verdict == "FAIL"
    mended.touch()
    again = world.qualify("--rerun", str(first.folder))
    assert (again.verdict, again.status) == ("FAIL", 1), again.said
    assert _attempts(again)["left test_1"] == ["fail", "pass"]
    assert _attempts(again)["left test_2"] == ["error", "pass"]
    assert _attempts(again)["right test_1"] == []
    verdicts = {(each["bench"], each["requirement"]): each["verdict"] for each in again.results["results"]}
    assert verdicts["left", "SHM-ALLOW-01"] == "fail"
    assert verdicts["left", "SHM-ALLOW-02"] == "pass"
    assert "the bench broke in the first attempt at 1 test that a later one judged" in again.page
    assert f"passed in one and failed in the other of {first.folder.name} and {again.folder.name}" in again.page
    assert "attempt 1 of 2: fail" in again.page
    verified = world.command("verify", str(again.folder))
    assert verified.status == 0, verified.said


@pytest.mark.long
def test_a_bench_that_broke_is_told_with_the_verdict(world: World) -> None:
    mended = _spoil(world, BROKE)
    first = world.qualify()
    assert (first.verdict, first.status) == ("FAIL", 2)
    mended.touch()
    again = world.qualify("--rerun", str(first.folder))
    assert (again.verdict, again.status) == ("PARTIAL", 4), again.said
    assert "the bench broke in the first attempt at 1 test that a later one judged" in again.page
    assert [each["kind"] for each in again.results["run"]["shortfalls"]] == ["rerun"]
    assert again.results["run"]["surroundings"]["rerun of"] == first.folder.name
    assert _attempts(again)["left test_1"] == ["error", "pass"]
    tests = world.command("verify", str(again.folder))
    assert tests.status == 0, tests.said
    assert "2 attempts: " in (again.folder / "tests.html").read_text()


@pytest.mark.long
def test_it_goes_on_after_a_second_attempt_that_broke_too(world: World) -> None:
    mended = _spoil(world, BROKE)
    second = world.qualify("--rerun", str(world.qualify().folder))
    assert second.verdict == "FAIL"
    mended.touch()
    third = world.qualify("--rerun", str(second.folder))
    assert third.verdict == "PARTIAL", third.said
    assert _attempts(third)["left test_1"] == ["error", "error", "pass"]
    assert world.command("verify", str(third.folder)).status == 0


@pytest.mark.long
def test_a_bench_that_was_left_out_makes_the_run_whole(world: World) -> None:
    first = world.qualify("--bench", "left")
    assert first.verdict == "PARTIAL"
    again = world.qualify("--rerun", str(first.folder))
    assert (again.verdict, again.status) == ("PASS", 0), again.said
    assert {case["bench"] for case in again.results["cases"]} == {"left", "right"}


@pytest.mark.long
def test_a_session_that_was_killed_is_finished(world: World) -> None:
    mended = _spoil(world, "os.kill(os.getpid(), 9)")
    first = world.qualify()
    assert (first.verdict, first.status) == ("FAIL", 2), first.said
    mended.touch()
    again = world.qualify("--rerun", str(first.folder))
    assert again.verdict == "PARTIAL", again.said
    assert "in an earlier attempt: left: pytest was ended by SIGKILL" in again.page
    assert world.command("verify", str(again.folder)).status == 0


@pytest.mark.long
def test_sources_of_both_attempts_count(world: World) -> None:
    world.write("untracked.py", "")
    first = world.qualify("--bench", "left")
    (world.folder / "untracked.py").unlink()
    again = world.qualify("--rerun", str(first.folder))
    assert again.verdict == "PARTIAL"
    assert "untracked.py" in again.said


@pytest.mark.parametrize("spoil", ["nothing left", "changed", "no folder"])
def test_what_cannot_be_continued_is_refused(world: World, run_folder: Path, spoil: str) -> None:
    run = run_folder
    if spoil == "changed":
        (run / "results.json").write_text(json.dumps({}))
    refused = world.qualify("--rerun", "nowhere" if spoil == "no folder" else str(run))
    assert refused.status == 3, refused.said
    said = {
        "nothing left": "nothing failed, broke or was left in",
        "changed": "is not as it was written",
        "no folder": "there is no folder nowhere",
    }
    assert said[spoil] in refused.said


@pytest.mark.long
def test_a_rerun_can_be_merged_and_continued(world: World) -> None:
    mended = _spoil(world, BROKE)
    first = world.qualify("--bench", "left")
    mended.touch()
    left = world.qualify("--bench", "left", "--rerun", str(first.folder))
    right = world.qualify("--bench", "right")
    merged = world.command("merge", str(left.folder), str(right.folder))
    assert merged.verdict == "PARTIAL", merged.said
    assert [each["kind"] for each in merged.results["run"]["shortfalls"]] == ["rerun"]
    assert _attempts(merged)["left test_1"] == ["error", "pass"]
    assert world.command("verify", str(merged.folder)).status == 0
