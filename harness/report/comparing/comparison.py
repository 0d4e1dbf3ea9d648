# SPDX-License-Identifier: Apache-2.0
"""What changed from one run to another: verdicts first, then readings, then figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from harness.report.evidence.model import Report, Result, RunVerdict
from harness.report.pages import titles, trend, view
from harness.site import Site
from harness.structured import FLAT

Kind = Literal["new failure", "newly not judged", "fixed", "newly judged", "other"]
"""What a change of a verdict means; the first two are for the worse."""

KINDS: Final[tuple[Kind, ...]] = ("new failure", "newly not judged", "fixed", "newly judged", "other")
WORSE: Final = ("new failure", "newly not judged")
NOT_TRIED: Final = "not tried"

_JUDGED: Final = ("pass", "known", "recorded")
_BEST_FIRST: Final[tuple[RunVerdict, ...]] = ("pass", "partial", "fail")


@dataclass(frozen=True)
class VerdictChange:
    """One requirement at one site. A verdict is ``not tried`` where a run has no record."""

    requirement: str
    site: Site = field(metadata=FLAT)
    old: str
    new: str
    kind: Kind
    reason: str = ""


@dataclass(frozen=True)
class ReadingChange:
    """One question that the documents leave open, and what was seen of it at one site, in each run."""

    question: str
    requirements: list[str]
    site: Site = field(metadata=FLAT)
    old: list[str]
    new: list[str]


@dataclass(frozen=True)
class FigureChange:
    """A figure that moved by more than the noise of both runs; ``relative`` is the change as a fraction."""

    name: str
    unit: str
    block_bytes: int
    site: Site = field(metadata=FLAT)
    relative: float
    verdict: str


@dataclass(frozen=True)
class Side:
    """One of the two runs. ``reasons``: why its verdict is no better."""

    run: str
    verdict: RunVerdict
    items: list[str]
    reasons: list[str]


@dataclass(frozen=True)
class Comparison:
    """All changes, those for the worse first."""

    old: Side
    new: Side
    verdicts: list[VerdictChange]
    readings: list[ReadingChange]
    figures: list[FigureChange]
    schema: int = 1

    @property
    def fell(self) -> bool:
        """Whether the verdict of the whole run is worse, also for what concerns no requirement."""
        return _BEST_FIRST.index(self.new.verdict) > _BEST_FIRST.index(self.old.verdict)

    @property
    def worse(self) -> bool:
        """Whether a verdict changed for the worse: that of the run, or one of a requirement."""
        return self.fell or any(change.kind in WORSE for change in self.verdicts)


def compare(old: Report, new: Report) -> Comparison:
    """The changes from ``old`` to ``new``.

    Sites are compared by name. Two runs of one bench each, with other names, are two items side by side, and their
    benches count as one.
    """
    old = _named_as(old, new)
    return Comparison(
        old=_side(old),
        new=_side(new),
        verdicts=_verdicts(old, new),
        readings=_readings(old, new),
        figures=_figures(old, new),
    )


def _side(report: Report) -> Side:
    reasons = report.run.reasons or [each.text for each in report.run.shortfalls]
    return Side(report.run.id, report.run.verdict, titles.titles(report), reasons)


def _named_as(old: Report, new: Report) -> Report:
    """The old report with the bench's name of the new one, when each has one bench and the names differ."""
    before, after = ({case.site.bench for case in report.cases} for report in (old, new))
    if len(before) != 1 or len(after) != 1 or before == after:
        return old
    (bench,) = after

    def moved(site: Site) -> Site:
        return replace(site, bench=bench)

    return replace(
        old,
        results=[replace(each, site=moved(each.site)) for each in old.results],
        cases=[replace(each, site=moved(each.site)) for each in old.cases],
        metrics=[replace(each, site=moved(each.site)) for each in old.metrics],
    )


def _verdicts(old: Report, new: Report) -> list[VerdictChange]:
    before, after = _by_key(old.results), _by_key(new.results)
    changes = []
    for key in sorted(before.keys() | after.keys()):
        was, now = _word(before.get(key)), _word(after.get(key))
        if was != now:
            found = after.get(key)
            changes.append(VerdictChange(*key, was, now, _kind(was, now), found.reason if found else ""))
    return sorted(changes, key=lambda change: KINDS.index(change.kind))


def _by_key(results: Iterable[Result]) -> Mapping[tuple[str, Site], Result]:
    return {(result.requirement, result.site): result for result in results}


def _word(result: Result | None) -> str:
    return NOT_TRIED if result is None else view.shown_verdict(result)


def _kind(was: str, now: str) -> Kind:
    if now == "fail":
        return "new failure"
    if was in (*_JUDGED, "fail") and now not in _JUDGED:
        return "newly not judged"
    if was == "fail":
        return "fixed"
    return "newly judged" if now in _JUDGED and was not in _JUDGED else "other"


def _readings(old: Report, new: Report) -> list[ReadingChange]:
    before, after = _seen(old), _seen(new)
    return [
        ReadingChange(question, list(requirements), site, before[key], after[key])
        for key in sorted(before.keys() & after.keys())
        if before[key] != after[key]
        for question, requirements, site in [key]
    ]


def _seen(report: Report) -> dict[tuple[str, tuple[str, ...], Site], list[str]]:
    """Each answer once, in order, by question, requirements and site."""
    found: dict[tuple[str, tuple[str, ...], Site], set[str]] = {}
    for case in report.cases:
        for observation in case.observations:
            key = (observation.name, tuple(sorted(case.requirements)), case.site)
            found.setdefault(key, set()).add(observation.value)
    return {key: sorted(values) for key, values in found.items()}


def _figures(old: Report, new: Report) -> list[FigureChange]:
    moved = [
        FigureChange(name, unit, size, site, change.relative, change.verdict)
        for (name, unit, site, size), change in trend.changes(new, old).items()
        if change.verdict != "same"
    ]
    return sorted(moved, key=lambda change: (change.verdict != "worse", change.name, change.site, change.block_bytes))
