# SPDX-License-Identifier: Apache-2.0
"""Tests that have killed mutants are tried first against the next ones: most mutants of one source die by few tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from harness.prove.mutation.model import Tried
from harness.prove.reach import Seen

SAME_SOURCE_S: Final = 10.0
OTHERS_S: Final = 5.0
"""How many seconds of recorded time those get that have killed mutants of the same source, and of other ones."""


@dataclass
class Killers:
    """How many mutants each test has killed, by the source of these."""

    _kills: dict[str, Counter[str]] = field(default_factory=dict)

    def note(self, tried: Tried) -> None:
        """Remember the test that has killed this mutant, if one did."""
        if tried.outcome == "killed":
            self._kills.setdefault(tried.file, Counter())[tried.test] += 1

    def in_front(self, file: str, chosen: Sequence[str], reaching: Iterable[Seen]) -> list[str]:
        """The ``chosen`` tests for a mutant of ``file``, behind those of the ``reaching`` ones that often kill."""
        known = {seen.test: seen.duration_s for seen in reaching if seen.verdict == "pass"}
        of_file = self._kills.get(file, Counter())
        first = [*_within(of_file, known, SAME_SOURCE_S)]
        overall = sum(self._kills.values(), Counter())
        first += _within(Counter({test: overall[test] for test in overall if test not in first}), known, OTHERS_S)
        return [*first, *(test for test in chosen if test not in first)]


def _within(kills: Counter[str], known: dict[str, float], seconds: float) -> Iterator[str]:
    """Those that kill most, as many as there is time for."""
    for test in sorted(kills, key=lambda test: (-kills[test], known.get(test, 0.0))):
        if test in known and known[test] <= seconds:
            seconds -= known[test]
            yield test
