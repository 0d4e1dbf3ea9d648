# SPDX-License-Identifier: Apache-2.0
"""Whatever keeps a session from trying its passes with false answers leaves no PASS, and is named."""

from __future__ import annotations

import pytest

from tests.verdict.world import World

_EXIT = "def pytest_sessionfinish(exitstatus):\n    raise SystemExit(exitstatus)\n"
_AWAY = """def pytest_sessionstart(session):
    session.config.pluginmanager.unregister(name="fixtures.false_answers.plugin")
"""


def _with(world: World, text: str) -> None:
    """Have a conftest beside the tests of the suite."""
    world.write("inner/conftest.py", text)
    (world.folder / "test_it.py").rename(world.folder / "inner/test_it.py")
    world.commit()


def test_an_end_that_passes_by_the_others_is_an_error(world: World) -> None:
    _with(world, _EXIT)
    for ran in (world.pytest(), world.command("qualify", "inner")):
        assert (ran.verdict, ran.status) == ("FAIL", 2), ran.said
        assert "a plugin called sys.exit(0) at the end of the session" in ran.said
        (untried,) = ran.results["run"]["shortfalls"]
        assert untried["text"].startswith("4 passes were not tried with false answers, and nothing says why: ")


def test_a_session_that_does_not_look_makes_no_pass(world: World) -> None:
    _with(world, _AWAY)
    ran = world.command("qualify", "inner")
    assert (ran.verdict, ran.status) == ("PARTIAL", 4), ran.said
    assert [each["kind"] for each in ran.results["run"]["shortfalls"]] == ["untried"]


@pytest.mark.parametrize("name", ["fixtures.false_answers.plugin", "fixtures.model"])
def test_a_part_of_the_plugin_cannot_be_left_out(world: World, name: str) -> None:
    ran = world.pytest("-p", f"no:{name}")
    assert ran.status == 3, ran.said
    assert f"-p no:{name} takes away what the verdict of a run depends on" in ran.said
