# SPDX-License-Identifier: Apache-2.0
"""Every kind of restrictions list with every form of pattern and a name in every relation to it, against the oracle.

The documented examples stand in ``suites/access`` as tables written by hand. Here a covering array makes the
configurations, all of them are started, each in one placement of a bench, and the guest of each asks for the same
sixteen kinds of names: as the first, or after a peer has made the region. The guests of a start serve all tests of it,
in the order of this file: what was created is looked at before anybody has asked for anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import pytest
from _pytest.mark import ParameterSet

from fixtures.access import Access
from fixtures.api import conclude
from fixtures.configuration import shmem
from fixtures.deployment import Deploy
from fixtures.guest import Guest
from fixtures.records import Metrics
from harness.shmem.oracle import can_start
from harness.shmem.profile import Profile
from suites.matrix.conftest import Tally
from suites.matrix.covering import Configuration, starts
from suites.matrix.statements import statement
from suites.matrix.trial import Trial

Plan = dict[int, dict[str, list[str]]]
"""For each configuration of a start, by its number, the names to try by operation."""


NOTHING_STARTS = "no guest with one of these configurations starts: the profile of the bench rejects them all"


def _plans() -> Iterator[ParameterSet]:
    """What each test does: all names of one start that give evidence for one requirement."""
    for start, group in enumerate(starts()):
        plans: dict[str, Plan] = {}
        for place, configuration in enumerate(group):
            vdev = shmem(configuration.options).vdev
            for relation, name in configuration.names.items():
                for operation in configuration.operations[relation]:
                    plan = plans.setdefault(statement(vdev, name, operation), {})
                    plan.setdefault(place, {"create": [], "attach": []})[operation].append(name)
        for requirement, plan in sorted(plans.items()):
            marks = [pytest.mark.requirement(requirement), pytest.mark.one_placement(start)]
            yield pytest.param(start, plan, marks=marks, id=f"start{start}-{requirement}")


def _deploy(deploy: Deploy, start: int, profile: Profile) -> tuple[dict[int, tuple[Configuration, Guest]], Guest]:
    """The guests of one start by their numbers, without those that the bench's profile refuses, and their peer."""
    usable = {
        place: configuration
        for place, configuration in enumerate(starts()[start])
        if can_start(shmem(configuration.options).vdev, profile)
    }
    *guests, peer = deploy(*(configuration.options for configuration in usable.values()), "")
    return dict(zip(usable, zip(usable.values(), guests, strict=True), strict=True)), peer


def _each_start() -> list[ParameterSet]:
    """All starts, each in one placement of a bench."""
    return [_in_turn(start) for start in range(len(starts()))]


def _creating() -> list[ParameterSet]:
    """The starts in which a configuration has a ``create``."""
    with_create = (start for start, group in enumerate(starts()) if any("create " in each.options for each in group))
    return [_in_turn(start) for start in with_create]


def _in_turn(start: int) -> ParameterSet:
    return pytest.param(start, marks=pytest.mark.one_placement(start))


@pytest.mark.requirement("SHM-CREATE-02")
@pytest.mark.parametrize("start", _creating())
def test_created_regions(deploy: Deploy, access: Access, tally: Tally, start: int) -> None:
    """What the configurations of one start create is there, under the host-side names and in the sizes given."""
    guests, peer = _deploy(deploy, start, access.profile)
    trials = [
        Trial(access, guest, peer, configuration.options, tally.count) for configuration, guest in guests.values()
    ]
    if not any("create " in trial.options for trial in trials):
        pytest.skip(NOTHING_STARTS)
    wrong = list(chain.from_iterable(trial.created() for trial in trials))
    conclude(wrong)


@pytest.mark.requirement("SHM-ISOL-01")
@pytest.mark.parametrize("start", _each_start())
def test_refused_guests_see_nothing(deploy: Deploy, access: Access, tally: Tally, start: int) -> None:
    """The guest of a start that is refused most searches its whole window for the bytes of the peer's regions."""
    with tally.running():
        guests, peer = _deploy(deploy, start, access.profile)
        trials = {
            Trial(access, guest, peer, configuration.options, tally.count): tuple(configuration.names.values())
            for configuration, guest in guests.values()
        }
        if not trials:
            pytest.skip(NOTHING_STARTS)
        trial = max(trials, key=lambda each: len(each.refusable(trials[each])))
        wrong = list(trial.concealed(trials[trial]))
    conclude(wrong)


@pytest.mark.parametrize(("start", "plan"), list(_plans()))
def test_verdicts(deploy: Deploy, access: Access, tally: Tally, start: int, plan: Plan) -> None:
    """The guest gets what the oracle says, by creation and by attaching, under the name that the oracle says."""
    wrong: list[str] = []
    with tally.running():
        guests, peer = _deploy(deploy, start, access.profile)
        if not plan.keys() & guests.keys():
            pytest.skip(NOTHING_STARTS)
        for place, names in plan.items():
            if place in guests:
                configuration, guest = guests[place]
                trial = Trial(access, guest, peer, configuration.options, tally.count)
                wrong += chain(trial.create(names["create"]), trial.attach(names["attach"]))
    conclude(wrong)


@pytest.mark.requirement("SHM-PERF-03")
def test_verdicts_per_second(tally: Tally, metrics: Metrics) -> None:
    """How fast verdicts come, starts of guests included."""
    if not tally.verdicts:
        pytest.skip("no verdict was asked for before")
    metrics.record(name="access verdicts", unit="1/s", value=tally.rate)
