# SPDX-License-Identifier: Apache-2.0
"""Which tests are worth trying against a defect, and in which order: the cheap ones first, up to a budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from harness.prove.reach import Reach, Seen, Statement, free_of_architecture

_HAIR: Final = 1e-6


@dataclass(frozen=True)
class Choice:
    """The tests to try in their order, and how many there are in all that reach the defect."""

    tests: list[str]
    reaching: int


def choose(
    reach: Reach,
    statements: Sequence[Statement],
    budget_s: float,
    first: Callable[[Seen], bool] = lambda _: True,
) -> Choice:
    """The tests for a defect in these statements. Those that ``first`` picks come first.

    A defect in what knows no architecture is tried on one architecture. Tests of one module stay together, and modules
    whose tests take the least time come first. The budget counts the seconds that the tests took when they were
    recorded. Where it is too small for all, each module gives the same share of its time, by its shortest tests, so
    that every kind of test has its chance.
    """
    reaching = [seen for seen in reach.tests(statements) if seen.verdict == "pass"]
    tests = reach.without_twins(reaching) if free_of_architecture(statements) else reaching
    chosen: list[Seen] = []
    for part in ([seen for seen in tests if first(seen)], [seen for seen in tests if not first(seen)]):
        left = budget_s - _seconds(chosen)
        share = min(1.0, max(left, 0.0) / (_seconds(part) or 1.0))
        if share or not chosen:
            chosen += [seen for group in _groups(part) for seen in _shortest(group, share * _seconds(group))]
    return Choice([seen.test for seen in chosen], len(reaching))


def _seconds(tests: Sequence[Seen]) -> float:
    return sum(seen.duration_s for seen in tests)


def _shortest(group: Sequence[Seen], seconds: float) -> list[Seen]:
    """As many of a module's tests as take so long, the shortest ones, but one in any case; in their own order."""
    kept: set[str] = set()
    spent = 0.0
    for seen in sorted(group, key=lambda seen: seen.duration_s):
        spent += seen.duration_s
        # What was added up in another order may differ by a hair.
        if kept and spent > seconds + _HAIR:
            break
        kept.add(seen.test)
    return [seen for seen in group if seen.test in kept]


def _groups(tests: Sequence[Seen]) -> list[list[Seen]]:
    """Tests of one module on one bench, the groups whose tests take the least time first."""
    groups: dict[tuple[str, str], list[Seen]] = {}
    for seen in tests:
        groups.setdefault((seen.test.partition("::")[0], seen.bench), []).append(seen)
    return sorted(groups.values(), key=lambda group: _seconds(group) / len(group))
