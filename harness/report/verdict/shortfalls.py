# SPDX-License-Identifier: Apache-2.0
"""What a run lacks of a qualification, although nothing in it failed.

A pass says that everything in scope was judged, by code that anybody can have again, on the item as it is. Each reason
why that cannot be said stands in one line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from harness.report.evidence.few import few
from harness.report.evidence.model import (
    BenchScope,
    Case,
    ItemCoverage,
    Narrowing,
    Run,
    Shortfall,
    Source,
    Waiver,
)
from harness.report.evidence.system import SystemTried
from harness.report.figures import thresholds
from harness.report.figures.records import ThresholdVerdict
from harness.report.pages import readings

_SHOWN: Final = 3
_ABBREVIATED: Final = 12
_UNKNOWN: Final = "unknown"
_TOLD: Final = ("selection", "profile")
_TRIED: Final = ("pass", "fail", "recorded")


def of_sources(sources: Sequence[Source]) -> Iterator[Shortfall]:
    """Code that nobody can have again. A run that does not say at all what code it ran is one of that kind."""
    if not sources:
        yield Shortfall("source", "the run does not say which commit of the harness judged")
    for source in sources:
        if not source.commit:
            named = f": {few(source.changes, _SHOWN)}" if source.changes else ""
            yield Shortfall("source", f"the commit of {source.what} is not known: {source.note}{named}")
        elif source.changes:
            yield Shortfall("source", f"{source.what} is not as in its commit: {few(source.changes, _SHOWN)}")


def of_changed(before: Sequence[Source], after: Iterable[Source]) -> Iterator[Shortfall]:
    """Code that is not what it was when the run began: some of the verdicts are of the one, and some of the other."""
    for source in after:
        known = [one for one in before if one.what == source.what]
        if not known or source in known:
            continue
        if all(one.commit != source.commit for one in known):
            first, then = (one.commit[:_ABBREVIATED] or "an unknown one" for one in (known[-1], source))
            text = f"from commit {first} to {then}"
        else:
            text = few(sorted({*source.changes}.symmetric_difference(known[-1].changes)), _SHOWN)
        yield Shortfall("source", f"{source.what} has changed while the run went on: {text}")


def of_loaded(loaded: Sequence[Source]) -> Iterator[Shortfall]:
    """Further code that was not of one commit while the run went on."""
    for number, source in enumerate(loaded):
        before = [one for one in loaded[:number] if one.what == source.what]
        if all(one.commit != source.commit for one in before):
            yield from of_changed(before, [source])


def of_items(identified: Iterable[tuple[str, Mapping[str, str]]]) -> Iterator[Shortfall]:
    """Benches whose host did not say the same of itself each time when it came up. What it could not say is nothing."""
    first: dict[tuple[str, str], str] = {}
    for bench, facts in identified:
        for what, value in facts.items():
            if value != _UNKNOWN and (before := first.setdefault((bench, what), value)) != value:
                yield Shortfall("conflict", f"{what} of {bench} was {before} at first, and then {value}")


def of_scopes(scopes: Iterable[BenchScope]) -> Iterator[Shortfall]:
    """Benches of which not all sessions, or not all runs of a merged one, had to judge the same."""
    first: dict[str, BenchScope] = {}
    for bench in scopes:
        known = first.setdefault(bench.bench, bench)
        if apart := sorted({*known.requirements}.symmetric_difference(bench.requirements)):
            text = f"the scope of bench {bench.bench} ({known.name}, {bench.name}) was not always the same"
            yield Shortfall("conflict", f"{text}: {few(apart, _SHOWN)}")


def of_systems(tried: Iterable[SystemTried]) -> Iterator[Shortfall]:
    """Benches on which not all sessions, or not all runs of a merged one, tried the same system of the user."""
    first: dict[str, tuple[list[str], str]] = {}
    for each in tried:
        policy = each.policy.sha256 if each.policy else ""
        system = (sorted(file.sha256 for file in each.files), policy)
        if first.setdefault(each.bench, system) != system:
            yield Shortfall("conflict", f"the system that was tried on bench {each.bench} was not always the same")


def of_selection(narrowed: Iterable[Narrowing]) -> Iterator[Shortfall]:
    """Tests that were left out."""
    for each in narrowed:
        yield Shortfall("selection", str(each))


def of_benches(benches: Sequence[BenchScope], cases: Sequence[Case]) -> Iterator[Shortfall]:
    """Benches that were left out, or on which nothing was tried."""
    if not benches:
        yield Shortfall("bench", "no bench of an environment file took part")
    tried = {case.site.bench for case in cases if case.verdict in _TRIED}
    for bench in benches:
        if not bench.selected:
            yield Shortfall("bench", f"bench {bench.bench} was left out")
        elif bench.bench not in tried:
            yield Shortfall("bench", f"nothing was judged on bench {bench.bench}")
        elif bench.left_out:
            yield Shortfall("bench", f"of bench {bench.bench}, the placement {', '.join(bench.left_out)} was left out")


def of_scope(items: Iterable[ItemCoverage]) -> Iterator[Shortfall]:
    """Requirements in scope that were not judged."""
    for item in items:
        if not item.required:
            yield Shortfall("scope", f"{item.item}: the scope {item.name!r} has no requirement")
        if item.unjudged:
            named = "; ".join(f"{each.requirement} ({each.reason})" for each in item.unjudged[:_SHOWN])
            more = f"; and {len(item.unjudged) - _SHOWN} more" if len(item.unjudged) > _SHOWN else ""
            text = f"{len(item.unjudged)} of {item.required} requirements in scope not judged: {named}{more}"
            yield Shortfall("scope", f"{item.item}: {text}")


def of_profiles(cases: Iterable[Case]) -> Iterator[Shortfall]:
    """Verdicts that rest on a profile which is not the device's."""
    for line in readings.disagreements(cases):
        yield Shortfall("profile", line)


def of_waivers(waivers: Iterable[Waiver]) -> Iterator[Shortfall]:
    """Waivers that have expired, also where nothing fails now."""
    for waiver in waivers:
        if waiver.expired:
            what = waiver.requirement or waiver.test
            yield Shortfall("waiver", f"the waiver of {what} on {waiver.bench} expired on {waiver.expires}")


def of_thresholds(verdicts: Sequence[ThresholdVerdict]) -> Iterator[Shortfall]:
    """Thresholds that were neither kept nor missed: no figure was taken, or one is too noisy to judge."""
    for line in thresholds.unjudged(verdicts):
        yield Shortfall("threshold", line)


def lines(run: Run) -> list[str]:
    """The shortfalls for a terminal, but for those that have lines of their own there."""
    return [f"partial: {each.text}" for each in run.shortfalls if each.kind not in _TOLD]


def once(found: Iterable[Shortfall]) -> list[Shortfall]:
    """Each line once: sessions of several benches find the same."""
    return list(dict.fromkeys(found))
