# SPDX-License-Identifier: Apache-2.0
"""A session that does not come to its own end has lost something, and that may have been what takes a pass back."""

from __future__ import annotations

import pytest

from tests.verdict.world import World

_AT_THE_END = """

def pytest_sessionfinish(session):
    import ctypes, resource
    from harness.report import recorder
    from harness.report.evidence.model import Shortfall

    {what}
"""
_LATER = """

def pytest_unconfigure(config):
    import ctypes, pathlib

    if list(config.option.report_dir.glob("2*/manifest.json")):
        ctypes.CDLL(None)._exit({status})
"""
_GONE = _AT_THE_END.format(what="ctypes.CDLL(None)._exit(0)")
_FULL = _AT_THE_END.format(
    what="""before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    recorder.fall_short(session.config, Shortfall("untried", "nobody has looked"))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
"""
)
_WAYS = {
    # C code calls exit, before the journal has its end.
    "gone": (_GONE, "did not finish"),
    # The disk was full for a moment.
    "full": (_FULL, "did not finish"),
    # The report is whole, and something has ended the process behind it.
    "another status": (_LATER.format(status=1), "left: pytest ended with status 1, its report with 0"),
}


@pytest.mark.parametrize("way", _WAYS)
def test_a_session_without_an_end_of_its_own_is_an_error(world: World, way: str) -> None:
    conftest, said = _WAYS[way]
    world.write("conftest.py", (world.folder / "conftest.py").read_text() + conftest)
    world.commit()
    ran = world.qualify()
    assert (ran.verdict, ran.status) == ("FAIL", 2), ran.said
    assert any(said in reason for reason in ran.results["run"]["reasons"]), ran.said
    again = world.command("report", str(ran.folder))
    assert (again.verdict, again.status) == ("FAIL", 2), again.said
    merged = world.command("merge", str(ran.folder))
    assert (merged.verdict, merged.status) == ("FAIL", 2), merged.said


def test_a_session_whose_journal_is_not_whole_is_no_pass(world: World) -> None:
    """What the process itself still knows is not on the disk, so nobody can derive the verdict again."""
    world.write("conftest.py", (world.folder / "conftest.py").read_text() + _FULL)
    world.commit()
    ran = world.pytest()
    assert (ran.verdict, ran.status) == ("FAIL", 2), ran.said
    assert any("the evidence could not be written" in reason for reason in ran.results["run"]["reasons"])
