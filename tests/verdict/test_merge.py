# SPDX-License-Identifier: Apache-2.0
"""Runs of several benches and nights as one run: whole when they are together, and with every contradiction named."""

from __future__ import annotations

import pytest

from tests.verdict.world import World


def test_two_halves_are_a_whole(world: World) -> None:
    left, right = world.qualify("--bench", "left").folder, world.qualify("--bench", "right").folder
    merged = world.command("merge", str(left), str(right))
    assert (merged.verdict, merged.status) == ("PASS", 0), merged.said
    assert world.command("verify", str(merged.folder)).status == 0
    assert merged.results["run"]["surroundings"]["merged runs"] == f"{left.name}, {right.name}"
    assert {case["bench"] for case in merged.results["cases"]} == {"left", "right"}
    # One of them is not a whole.
    assert world.command("merge", str(left)).verdict == "PARTIAL"
    assert "the same run is named twice" in world.command("merge", str(left), str(left)).said


def test_what_two_runs_contradict_each_other_in_is_named(world: World) -> None:
    first = world.pytest().folder
    world.edit("test_it.py", "assert bench.name", "assert bench.name == 'right'")
    world.commit()
    second = world.pytest().folder
    merged = world.command("merge", str(first), str(second))
    assert (merged.verdict, merged.status) == ("FAIL", 1), merged.said
    text = f"SHM-ALLOW-01 on left (pci · probe · serial) passed in one and failed in the other of {first.name} and"
    assert text in merged.said
    assert text in merged.page
    assert len(merged.results["cases"]) == 8


@pytest.mark.parametrize("narrow_first", [True, False], ids=["narrow first", "wide first"])
def test_a_scope_is_not_lost_by_a_run_with_a_narrower_one(world: World, narrow_first: bool) -> None:
    wide, narrow = "[SHM-ALLOW-01, SHM-ALLOW-02]", "[SHM-ALLOW-01]"
    before, after = (narrow, wide) if narrow_first else (wide, narrow)
    if narrow_first:
        world.edit("boards.yaml", wide, narrow, 2)
        world.commit()
    runs = [str(world.pytest().folder)]
    world.edit("boards.yaml", before, after, 2)
    world.commit()
    runs.append(str(world.pytest().folder))
    merged = world.command("merge", *runs)
    assert (merged.verdict, merged.status) == ("PARTIAL", 4), merged.said
    assert "the scope of bench left (bare allow, bare allow) was not always the same: SHM-ALLOW-02" in merged.said
    judged = {item["item"]: item["required"] for item in merged.results["scope"]}
    assert min(judged.values()) > 1


def test_a_run_that_was_changed_is_refused(world: World) -> None:
    run = world.pytest().folder
    (run / "style.css").write_text("")
    refused = world.command("merge", str(run))
    assert refused.status == 3
    assert "is not as it was written: changed: style.css" in refused.said
