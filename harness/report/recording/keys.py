# SPDX-License-Identifier: Apache-2.0
"""Where a test session leaves facts about its items for the recorder.

The fixtures that bring up a bench know where a test runs; the recorder needs to know it, also for a test that failed
before its first line. Both sides meet in the stash of the pytest item, under the keys of this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.report.evidence.journal import ScopeSet
from harness.site import NOWHERE, Site


@dataclass(frozen=True)
class BenchFacts:
    """Where one test runs, what the host can do, and the readings of the bench's profile, by open question."""

    site: Site
    capabilities: frozenset[str] = frozenset()
    readings: Mapping[str, str] = field(default_factory=dict)


BENCH = pytest.StashKey[BenchFacts]()
"""The bench of an item. Set it before the bench is brought up (at collection, or first thing in the fixture), so that
a bench error is recorded under the bench's name."""

SCOPE = pytest.StashKey[ScopeSet]()
"""What a run has to judge and which failures are accepted, in the stash of the session's configuration."""

SUITES = pytest.StashKey[list[Path]]()
"""The folders whose tests a run is about, in the stash of the session's configuration, where it is not about all."""

EVIDENCE = pytest.StashKey[Path]()
"""The evidence folder of an item, absolute. ``recorder.evidence_dir(item)`` makes and sets it."""

SHARED_EVIDENCE = pytest.StashKey[list[Path]]()
"""Files outside of the item's own folder that belong to its evidence too: the console log of a guest that several
tests use. They must lie below the run's folder. ``recorder.share_evidence(item, path)`` appends."""


def site(item: pytest.Item) -> Site:
    """Where an item runs."""
    facts = item.stash.get(BENCH, None)
    return facts.site if facts else NOWHERE
