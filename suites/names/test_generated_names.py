# SPDX-License-Identifier: Apache-2.0
"""Thousands of names of every kind, on lists of every kind, against the oracle.

What stands in ``suites/access`` as tables written by hand is generated here: lists, and names on both sides of every
boundary of their patterns, lengths and substitutions (``lists.py``). A guest asks for thousands of names in a second.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from _pytest.mark import ParameterSet

from fixtures.api import conclude, judge
from fixtures.records import Metrics
from suites.names.evidence import REQUIREMENTS
from suites.names.inquiry import Results, told
from suites.names.lists import Start

pytestmark = [pytest.mark.only(guest_image=["probe"]), pytest.mark.one_placement, pytest.mark.drawn]

Ask = Callable[[Start], Results]


def _parts() -> list[ParameterSet]:
    return [
        pytest.param(start, requirement, marks=pytest.mark.requirement(requirement), id=f"{start}-{requirement}")
        for start, requirements in REQUIREMENTS.items()
        for requirement in requirements
    ]


@pytest.mark.parametrize(("start", "requirement"), _parts())
def test_names(ask: Ask, start: Start, requirement: str) -> None:
    """The status of each name, and for a sample that it is the region that a peer has under the host-side name."""
    results = ask(start)
    judge(min(results.verdicts // 1000, results.granted // 100, results.met // 10) > 0, "too few names were granted")
    known = REQUIREMENTS[start]
    of_this_test = [
        each
        for each in results.differences
        if each.requirement == requirement or (each.requirement not in known and requirement == known[0])
    ]
    conclude(list(told(of_this_test)))


@pytest.mark.requirement("SHM-PERF-03")
def test_verdicts_per_second(figures: Results, metrics: Metrics) -> None:
    """How fast one guest gets verdicts when it asks for many names by one command."""
    if not figures.verdicts:
        pytest.skip("no name was asked for before")
    metrics.record(name="verdicts of names", unit="1/s", value=figures.verdicts * 1e9 / figures.ns)
