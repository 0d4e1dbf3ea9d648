# SPDX-License-Identifier: Apache-2.0
"""What is known of a session when its tests have been collected: the plan, the scope, and what it lacks already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from harness.report.evidence import catalogue
from harness.report.evidence.journal import Entry, FellShort, Narrowed, PlanMade
from harness.report.evidence.model import Narrowing, Planned, Shortfall
from harness.report.recording.keys import SCOPE, site


def entries(config: pytest.Config, items: Sequence[pytest.Item], narrowed: Sequence[Narrowing]) -> Iterator[Entry]:
    """The entries of the journal for it."""
    yield PlanMade([Planned(item.nodeid, catalogue.requirements_of(item), site(item).bench) for item in items])
    if SCOPE in config.stash:
        yield config.stash[SCOPE]
    if fault := config.getoption("--fault", None):
        yield FellShort([Shortfall("fault", f"the fault {fault} was injected into the device (--fault)")])
    if narrowed:
        yield Narrowed(list(narrowed))
