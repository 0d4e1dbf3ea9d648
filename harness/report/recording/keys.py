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

from harness.arch import Arch


@dataclass(frozen=True)
class BenchFacts:
    """Where one test runs; the values are the ones that ``results.json`` shows.

    ``placement`` is ``pci`` or ``mmio``, ``guest_image`` the image that the guests boot (``probe``, ``linux``), ``via``
    the way by which the suite reaches the probe (``console``, ``ssh``). ``readings`` are those of the bench's profile,
    by open question. A field that does not apply is empty.
    """

    bench: str
    architecture: Arch
    placement: str = ""
    guest_image: str = ""
    via: str = ""
    capabilities: frozenset[str] = frozenset()
    readings: Mapping[str, str] = field(default_factory=dict)


BENCH = pytest.StashKey[BenchFacts]()
"""The bench of an item. Set it before the bench is brought up (at collection, or first thing in the fixture), so that
trouble of the bench is recorded under the bench's name."""

EVIDENCE = pytest.StashKey[Path]()
"""The evidence folder of an item, absolute. ``recorder.evidence_dir(item)`` makes and sets it."""

SHARED_EVIDENCE = pytest.StashKey[list[Path]]()
"""Files outside of the item's own folder that belong to its evidence too: the console log of a guest that several
tests use. They must lie below the run's folder. ``recorder.share_evidence(item, path)`` appends."""


def place(item: pytest.Item) -> dict[str, str]:
    """Where an item runs, under the names of ``results.json``; empty texts as long as nobody has said."""
    facts = item.stash.get(BENCH, None)
    return {
        "bench": facts.bench if facts else "",
        "architecture": facts.architecture if facts else "",
        "placement": facts.placement if facts else "",
        "guest_image": facts.guest_image if facts else "",
        "via": facts.via if facts else "",
    }
