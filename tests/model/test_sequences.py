# SPDX-License-Identifier: Apache-2.0
"""Random sequences over three live guests and the host, against the reference model.

A failing sequence is shrunk and printed as steps; save them to a file and ``harness replay FILE`` shows it again.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.replay import script
from harness.replay.reference import Reference
from harness.replay.script import ACTORS, GUESTS, Step
from harness.replay.world import World
from tests import programs

_NAMES = ("red", "green")
_MASKS = (0x1, 0x2, 0x4, 0x8, 0x3, 0xF, 0xFFFF, 0xFFFF_FFFF, 0)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as made:
        yield made


def _connections(actor: str) -> st.SearchStrategy[str]:
    """Each actor has three connections of its own."""
    return st.sampled_from([f"{actor[:2]}{number}" for number in range(3)])


def _steps_of(actor: str) -> st.SearchStrategy[Step]:
    connection = _connections(actor)
    page, mask = st.integers(0, 3).map(str), st.sampled_from(_MASKS).map(hex)

    def step(verb: str, *arguments: st.SearchStrategy[str]) -> st.SearchStrategy[Step]:
        return st.tuples(*arguments).map(lambda words: Step(actor, verb, words))

    kinds = [
        step("attach", connection, st.sampled_from(_NAMES), st.integers(1, 3).map(str)),
        step("write", connection, page, st.integers(1, 2**64 - 1).map(hex)),
        step("read", connection, page),
        step("notify", connection, mask),
        step("status", connection),
        step("status", connection),
        step("detach", connection),
    ]
    return st.one_of(kinds)


_kills = st.sampled_from(GUESTS).map(lambda actor: Step(actor, "kill"))
_steps = st.sampled_from(ACTORS).flatmap(_steps_of)
# A kill costs a start of a guest, so it is the exception.
_sequences = st.tuples(
    st.lists(_steps, min_size=8, max_size=40), st.lists(_kills, max_size=1), st.lists(_steps, max_size=12)
).map(lambda parts: [*parts[0], *parts[1], *parts[2]])


def _check(world: World, steps: list[Step]) -> None:
    reference, done = Reference(), []
    try:
        for step in steps:
            done.append(str(step))
            assert world.perform(step) == reference.perform(step), "replay:\n" + "\n".join(done)
    finally:
        world.reset()


@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(_sequences)
def test_every_sequence_shows_what_the_model_says(world: World, steps: list[Step]) -> None:
    _check(world, steps)


def test_seventeen_clients_of_one_region(world: World) -> None:
    steps = [Step(actor, "attach", (f"{actor}{number}", "red", "1")) for actor in GUESTS for number in range(6)]
    _check(world, [*steps, Step("host", "attach", ("late", "red", "1"))])


SCRIPT = """
one attach a red 4      # a comment
two attach b red 1

one write a 3 0xbeef
two read b 3
two notify b 0xffffffff
one status a
two kill
one status a
"""


def _replay(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness", "replay", str(path), *options]
    return programs.run(command, capture_output=True, text=True)


def test_replay_shows_each_step_and_that_they_agree(tmp_path: Path) -> None:
    path = tmp_path / "steps"
    path.write_text(SCRIPT)
    result = _replay(path)
    assert result.returncode == 0, result.stderr
    assert "two read b 3  value 0xbeef" in result.stdout
    assert result.stdout.splitlines()[-1] == "one status a  pending 0x0  members 0x1"


def test_replay_stops_at_the_first_difference(tmp_path: Path) -> None:
    path = tmp_path / "steps"
    path.write_text(SCRIPT)
    result = _replay(path, "--fault", "pending-sticky")
    assert result.returncode == 1
    assert result.stdout.splitlines()[-1] == "  expected  pending 0x0  members 0x1"


@pytest.mark.parametrize(
    ("text", "word"),
    [("four status a", "four"), ("one fly", "fly"), ("host kill", "kill"), ("one read a", "arguments"), ("one", "''")],
)
def test_a_wrong_step_is_refused_with_file_and_line(text: str, word: str) -> None:
    with pytest.raises(UsageError, match=rf"steps:2: .*{word}"):
        script.parse(f"one kill\n{text}", "steps")


def test_a_step_is_the_text_that_it_is_read_from() -> None:
    assert script.parse("\n".join(map(str, script.parse(SCRIPT)))) == script.parse(SCRIPT)
