# SPDX-License-Identifier: Apache-2.0
"""What is known of a session when its tests have been collected: the plan, the scope, and what it lacks already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import pytest

from harness import events
from harness.report.evidence import catalogue
from harness.report.evidence.journal import Entry, FellShort, Narrowed, PlanMade
from harness.report.evidence.model import Narrowing, Planned, Shortfall
from harness.report.recording.keys import SCOPE, site

_OPTION: Final = "--fault"


def entries(config: pytest.Config, items: Sequence[pytest.Item], narrowed: Sequence[Narrowing]) -> Iterator[Entry]:
    """The entries of the journal for it."""
    yield PlanMade([Planned(item.nodeid, catalogue.requirements_of(item), site(item).bench) for item in items])
    if SCOPE in config.stash:
        yield config.stash[SCOPE]
    if fault := config.getoption(_OPTION, None):
        yield FellShort([Shortfall("fault", f"the fault {fault} was injected into the device ({_OPTION})")])
    if narrowed:
        yield Narrowed(list(narrowed))


def faults(config: pytest.Config, write: Callable[[Entry], object]) -> events.Subscriber:
    """Writes down each further fault that a suite injects: its verdicts are on a device with a defect."""
    known = {config.getoption(_OPTION, None)}

    def see(event: events.Event) -> None:
        if isinstance(event, events.Action) and event.what == events.INJECT and event.detail not in known:
            known.add(event.detail)
            write(FellShort([Shortfall("fault", f"the fault {event.detail} was injected into the device by a suite")]))

    return see
