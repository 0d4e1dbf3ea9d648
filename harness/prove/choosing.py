# SPDX-License-Identifier: Apache-2.0
"""Which tests are worth trying against a defect, and in which order: the cheap ones first, up to a budget."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from harness.prove.reach import Reach, Seen, Statement, free_of_architecture

LONGEST_S: Final = 300.0
"""How long one look at a defect may take that is tried beside others."""
SECOND_LOOK_S: Final = 300.0
OTHERS: Final = 0.25
"""How much of the budget is kept for tests that need not notice the defect."""
_HAIR: Final = 1e-6


@dataclass(frozen=True)
class Looks:
    """How many seconds of recorded time a defect may cost: at first, and again if nothing has noticed it."""

    first_s: float
    second_s: float

    @property
    def longest_s(self) -> float:
        """How long an attempt may take on a machine that does other things too."""
        return LONGEST_S + 2 * self.second_s


@dataclass(frozen=True)
class Choice:
    """The tests to try in their order, and how many there are in all that reach the defect."""

    tests: list[str]
    reaching: int


def choose_twice(
    reach: Reach,
    statements: Sequence[Statement],
    looks: Looks,
    first: Callable[[Seen], bool] = lambda _: True,
) -> Choice:
    """The tests of a first look, and behind them those that a second one has more."""
    soon = choose(reach, statements, looks.first_s, first)
    if not looks.second_s:
        return soon
    tried = set(soon.tests)
    more = choose(reach, statements, looks.first_s + looks.second_s, first).tests
    return Choice([*soon.tests, *(test for test in more if test not in tried)], soon.reaching)


def choose(
    reach: Reach,
    statements: Sequence[Statement],
    budget_s: float,
    first: Callable[[Seen], bool] = lambda _: True,
) -> Choice:
    """The tests for a defect in these statements. Those that ``first`` picks come first.

    The others have a share of the budget that is theirs, however much the first ones take: a defect that none of those
    notices may show there.

    A defect in what knows no architecture is tried on one architecture, where the budget is too small for both. Tests
    of one module stay together, and modules whose tests take the least time come first. The budget counts the seconds
    that the tests took when they were recorded; drawn tests of one setting share what they draw, count together, and
    are all tried if one of them is. Where it is too small for all, half of it is for the shortest tests of all, which
    are the most; of what is left each module gives the same share of its time, by its shortest tests, so that every
    kind of test has its chance. Of the others only those come for which there is room.
    """
    seconds = _Seconds(reach)
    reaching = [seen for seen in reach.tests(statements) if seen.verdict == "pass"]
    fits = seconds.of([seen for seen in reaching if first(seen)]) <= budget_s
    alike = not fits and free_of_architecture(statements)
    tests = reach.without_twins(reaching) if alike else reaching
    chosen: list[Seen] = []
    picked, others = [seen for seen in tests if first(seen)], [seen for seen in tests if not first(seen)]
    kept = min(seconds.of(others), OTHERS * budget_s) if picked else 0.0
    for part, reserved, least in ((picked, kept, 0.0), (others, 0.0, kept)):
        taken = {seen.test for seen in chosen}
        open_ones = [seen for seen in part if seen.test not in taken]
        left = max(budget_s - seconds.of(chosen) - reserved, least)
        share = min(1.0, left / (seconds.of(open_ones) or 1.0))
        if share or not chosen:
            # Of what need not notice the defect, the modules come first whose tests take the least time.
            chosen += _some(open_ones, share, seconds, left if chosen else math.inf, once=alike)
            chosen += _free(chosen, tests)
    return Choice([seen.test for seen in chosen], len(reaching))


def _some(tests: Sequence[Seen], share: float, seconds: _Seconds, most_s: float, *, once: bool) -> list[Seen]:
    """A share of the tests: the shortest of all, and the shortest of each module for which ``most_s`` has room.

    Where there is no time for any test of a module on a bench, its shortest one is kept: with ``once``, of the module
    on all benches together, and so in any case of what is drawn, which takes long.
    """
    enough = share * seconds.of(tests)
    short = {seen.test for seen in _shortest(tests, share / 2, seconds)} if share < 1.0 else set()
    left = [seen for seen in tests if seen.test not in short]
    of_left = max(0.0, enough - seconds.of([seen for seen in tests if seen.test in short])) / (seconds.of(left) or 1.0)
    some: list[Seen] = []
    given: set[str] = set()
    for group in _groups(tests, seconds):
        others = [seen for seen in group if seen.test not in short]
        least = int(others == group and not ((once or group[0].drawn) and _module(group[0]) in given))
        kept = short | {seen.test for seen in _shortest(others, of_left, seconds, least=least)}
        chosen = [seen for seen in group if seen.test in kept]
        if seconds.of(some) + seconds.of(chosen) <= most_s + _HAIR:
            some += chosen
            given |= {_module(seen) for seen in chosen}
    return some


def _free(chosen: Sequence[Seen], tests: Sequence[Seen]) -> list[Seen]:
    """What else judges the draws of those that were chosen, which costs nothing."""
    drawn = {_together(seen) for seen in chosen if seen.drawn}
    names = {seen.test for seen in chosen}
    return [seen for seen in tests if seen.drawn and _together(seen) in drawn and seen.test not in names]


class _Seconds:
    """How long tests take, by a record. One that uses the guests of a test before it has to start them without that."""

    def __init__(self, reach: Reach) -> None:
        self._together: dict[object, float] = {}
        self._starts: dict[str, object] = {}
        starting: Seen | None = None
        for seen in reach.seen:
            key = _together(seen)
            self._together[key] = self._together.get(key, 0.0) + seen.duration_s
            if seen.starts:
                starting = seen
            elif starting and starting.bench != seen.bench:
                starting = None
            self._starts[seen.test] = _together(starting or seen)

    def of(self, tests: Sequence[Seen]) -> float:
        """All of these."""
        keys = {_together(seen) for seen in tests} | {self._starts[seen.test] for seen in tests}
        return sum(self._together[key] for key in keys)


def _together(seen: Seen) -> object:
    """Equal for tests that cost what one of them costs."""
    return (_module(seen), seen.bench, seen.setting) if seen.drawn else seen.test


def _shortest(tests: Sequence[Seen], share: float, seconds: _Seconds, least: int = 0) -> list[Seen]:
    """As many of the tests as take a share of their time, the shortest, but ``least`` in any case; in their order."""
    most = share * seconds.of(tests)
    kept: list[Seen] = []
    for seen in sorted(tests, key=lambda seen: seconds.of([seen])):
        # What was added up in another order may differ by a hair. Those that cost no more than the kept ones are free.
        if len(kept) >= least and seconds.of([*kept, seen]) > max(most, seconds.of(kept)) + _HAIR:
            break
        kept.append(seen)
    names = {seen.test for seen in kept}
    return [seen for seen in tests if seen.test in names]


def _module(seen: Seen) -> str:
    return seen.test.partition("::")[0]


def _groups(tests: Sequence[Seen], seconds: _Seconds) -> list[list[Seen]]:
    """Tests of one module on one bench, the groups whose tests take the least time first."""
    groups: dict[tuple[str, str], list[Seen]] = {}
    for seen in tests:
        groups.setdefault((_module(seen), seen.bench), []).append(seen)
    return sorted(groups.values(), key=lambda group: seconds.of(group) / len(group))
