# SPDX-License-Identifier: Apache-2.0
"""What a catalogue of one's own states has to be judged, beside what the target selects of the harness's."""

from __future__ import annotations

import pytest

from tests.verdict.world import World

REQUIREMENT = """
[REQUIREMENT]
UID: {name}
RELEASES: {releases}
CONFIDENCE: documented
KIND: judge
SOURCE: nowhere
STATEMENT: Something holds.
"""
OWN = {"SHM-ALLOW-01": "7.0", "SHM-ALLOW-02": "7.0", "MY-OWN-01": "7.0", "MY-OWN-02": "8.0"}
TESTS = """

@pytest.mark.requirement("MY-OWN-01")
def test_own(bench):
    {first}
    assert bench.name

@pytest.mark.requirement("MY-OWN-02")
def test_of_another_release(bench):
    assert not bench.name
"""


@pytest.mark.parametrize(
    ("first", "verdict", "counted"),
    [("pytest.skip('not today')", "PARTIAL", "2 of 3 requirements"), ("pass", "PASS", "3 of 3 requirements")],
)
def test_own_requirements_are_in_scope(world: World, first: str, verdict: str, counted: str) -> None:
    texts = (REQUIREMENT.format(name=name, releases=releases) for name, releases in OWN.items())
    world.write("own.sdoc", "".join(texts))
    world.write("test_it.py", (world.folder / "test_it.py").read_text() + TESTS.format(first=first))
    world.commit()
    run = world.pytest("--requirements", "own.sdoc")
    assert run.verdict == verdict, run.said
    assert counted in run.page
    skipped = {case["test"].partition("[")[0]: case["reason"] for case in run.results["cases"] if case["reason"]}
    assert "MY-OWN-02 is stated for 8.0" in skipped["test_it.py::test_of_another_release"]
