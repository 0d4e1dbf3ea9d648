# SPDX-License-Identifier: Apache-2.0
"""What was seen of the open questions, beside what the profiles of the benches say.

Verdicts of a bench rest on its profile. Where the device was seen to do something else, the profile is wrong, or the
device is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from harness.report.evidence.model import Case, Observation

_EITHER: Final = " or "


@dataclass(frozen=True)
class Reading:
    """One open question on one bench: the profile's reading, and what the tests saw, each answer once."""

    question: str
    declared: str
    seen: list[str]

    @property
    def agrees(self) -> bool:
        """Whether all that was seen fits the profile. "a or b" is an answer of a test that cannot distinguish them."""
        return all(self.declared in answer.split(_EITHER) for answer in self.seen)

    @property
    def override(self) -> str:
        """The line for the bench's ``profile_overrides`` with which the profile would agree; empty if none would."""
        return "" if self.agrees or len(self.seen) > 1 or " " in self.seen[0] else f"{self.question}: {self.seen[0]}"


def by_bench(cases: Iterable[Case]) -> dict[str, list[Reading]]:
    """The open questions that were answered, by bench and in the order of their names."""
    found: dict[str, list[Observation]] = {}
    for case in cases:
        found.setdefault(case.site.bench, []).extend(item for item in case.observations if item.declared)
    return {bench: _readings(answers) for bench, answers in sorted(found.items()) if answers}


def disagreements(cases: Iterable[Case]) -> list[str]:
    """A line for each question whose answer is not the profile's."""
    return [
        f"profile of {bench}: {reading.question} is {' and '.join(reading.seen)}, the profile says {reading.declared}"
        for bench, readings in by_bench(cases).items()
        for reading in readings
        if not reading.agrees
    ]


def _readings(answers: Iterable[Observation]) -> list[Reading]:
    seen: dict[tuple[str, str], dict[str, None]] = {}
    for answer in answers:
        seen.setdefault((answer.name, answer.declared), {})[answer.value] = None
    return [Reading(*question, list(values)) for question, values in sorted(seen.items())]
