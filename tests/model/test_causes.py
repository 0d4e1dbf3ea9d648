# SPDX-License-Identifier: Apache-2.0
"""What a difference has to do with, found by what it needs in order to show."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.bench.settings import MmioLocation
from harness.replay.causes import of_steps, of_system
from harness.replay.differences import topics_of
from harness.replay.script import Script, parse
from harness.shmem.status import Status

PLACES = (MmioLocation(0x1C05_0000, "gic:40"), MmioLocation(0x1C15_0000, "gic:41"))
SYSTEM = """
one device loc 0x1c050000 intr gic:40 allow red* create red,4096 umask 022
two device deny blue
two device
one attach a red 1
"""


def _with(steps: str) -> Script:
    return parse(SYSTEM + steps)


@pytest.mark.parametrize(
    ("steps", "topics"),
    [
        ("one status a", set()),
        ("one detach a", {"members"}),
        ("host attach h red 1\nhost end", {"members"}),
        ("two kill\ntwo start", {"members"}),
        ("one notify a 2\none listen 1", {"signals", "interrupts"}),
        ("one mark a 7", {"data"}),
        ("one flags 0x180", {"permissions"}),
    ],
)
def test_steps_that_cannot_be_left_out_are_causes(steps: str, topics: set[str]) -> None:
    assert of_steps(_with(steps)) == topics


def _lacks(word: str) -> Callable[[Script], bool]:
    return lambda script: all(word not in options for several in script.devices.values() for options in several)


@pytest.mark.parametrize(
    ("word", "topics"),
    [
        ("allow", {"access"}),
        ("deny", {"access"}),
        ("create", {"creation"}),
        ("umask", {"permissions"}),
        ("loc", {"placement"}),
        ("anything that is there", set()),
    ],
)
def test_options_without_which_nothing_differs_are_causes(word: str, topics: set[str]) -> None:
    """Unless the same script shows nothing when it is run again."""
    assert of_system(_with(""), PLACES, _lacks(word)) == topics


def test_devices_that_differ_only_on_the_bus_are_a_matter_of_placement() -> None:
    def all_in_memory(script: Script) -> bool:
        return all("loc " in options for several in script.devices.values() for options in several)

    assert of_system(_with(""), PLACES, all_in_memory) == {"placement"}
    assert of_system(_with(""), PLACES[:1], all_in_memory) == set()


@pytest.mark.parametrize(
    ("step", "topic"),
    [("one attach b red 1", "access"), ("one find b 0", "registers"), ("one factory", "registers")],
)
def test_a_status_is_a_verdict_only_where_it_answers_a_request(step: str, topic: str) -> None:
    (drawn,) = parse(f"one device\n{step}").steps
    assert topics_of(drawn, {"status": int(Status.OK)}, {"status": int(Status.NO_PERMISSION)}) == [topic]


def test_a_region_under_a_wrong_name_is_a_matter_of_access() -> None:
    """Its permissions are missing because the region is."""
    (step,) = parse("one device\nhost regions").steps
    must = {"pages of gfoo": 1, "members of gfoo": 1, "mode of gfoo": 0o666}
    seen = {"pages of bar": 1, "members of bar": 1, "mode of bar": 0o666}
    assert set(topics_of(step, must, seen)) == {"access", "members"}
    assert topics_of(step, must, must | {"mode of gfoo": 0o644}) == ["permissions"]
    assert set(topics_of(step, must, {})) == {"members"}
