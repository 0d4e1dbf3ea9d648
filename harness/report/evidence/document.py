# SPDX-License-Identifier: Apache-2.0
"""From the journal of a run to its report: records per requirement, and the verdict of the run.

Everything here is pure: the same entries give the same report, during the run or years later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypeVar

from harness.errors import EXIT_BENCH_ERROR, EXIT_PARTIAL, EXIT_PASS, EXIT_REQUIREMENT_FAILED, EXIT_USAGE
from harness.report.evidence.journal import (
    Began,
    CaseBegan,
    CaseDone,
    CodeLoaded,
    ComponentsRecorded,
    Ended,
    Entry,
    FellShort,
    ItemIdentified,
    LookedAt,
    Narrowed,
    NightsCompared,
    PlanMade,
    ProofFound,
    RunError,
    ScopeSet,
)
from harness.report.evidence.model import (
    BenchScope,
    Case,
    CaseVerdict,
    Planned,
    Report,
    ReportError,
    Result,
    Run,
    Shortfall,
    Source,
    Verdict,
    Waiver,
)
from harness.report.evidence.system import SystemTried
from harness.report.figures import nights, thresholds
from harness.report.recording import attempts
from harness.report.scope import narrowing
from harness.report.verdict import shortfalls, untried
from harness.report.verdict.coverage import Judged, coverage
from harness.report.verdict.waivers import waives
from harness.site import Site

E = TypeVar("E", bound=Entry)

# A requirement is as good as its worst test; a skipped test takes nothing away from one that ran.
_WORST_FIRST: Final[tuple[Verdict, ...]] = ("fail", "error", "pass", "recorded", "skipped")

_JUDGED: Final[frozenset[Verdict]] = frozenset({"pass", "fail", "recorded"})


@dataclass(frozen=True)
class Found:
    """What the verdict of a run rests on: its cases, what was planned and did not run, and what is wrong with figures,
    in words."""

    cases: Sequence[Case]
    not_run: Sequence[Planned]
    figures: Sequence[str]


def accepted(case: Case | Result) -> bool:
    """Is this a known failure that has not expired?"""
    return case.verdict == "fail" and case.known_failure is not None and not case.known_failure.expired


def build(entries: Sequence[Entry]) -> Report:
    """The report of a run. Raises ReportError when the journal does not even say which run it is."""
    began = next(iter(_of(entries, Began)), None)
    if began is None:
        raise ReportError("the journal does not say which run it belongs to", remedy="run the qualification again")
    done = _of(entries, CaseDone)
    cases = attempts.joined(entry.case for entry in done)
    planned = [case for entry in _of(entries, PlanMade) for case in entry.cases]
    not_run = _not_run(planned, cases)
    known = {requirement.id: requirement for requirement in began.catalogue}
    covered = {requirement for case in cases for requirement in case.requirements}
    covered |= {requirement for case in planned for requirement in case.requirements}
    found = results(cases)
    benches = _benches(entries)
    narrowed = narrowing.together(each for entry in _of(entries, Narrowed) for each in entry.narrowed)
    facts = {entry.bench: entry.facts for entry in _of(entries, ItemIdentified)}
    scope = coverage(benches, known, Judged(found, not_run, bool(narrowed)), facts)
    waivers = _waivers(entries, cases)
    metrics = [metric for entry in done for metric in entry.metrics]
    bounds = thresholds.judged((each for entry in _of(entries, ScopeSet) for each in entry.thresholds), metrics)
    loaded = _loaded(entries)
    judging = [*began.sources, *loaded]
    history = [each for entry in _of(entries, NightsCompared) for each in entry.figures]
    figures = [*thresholds.reasons(bounds), *nights.reasons(history)]
    lacking = shortfalls.once(
        [
            *(shortfall for entry in _of(entries, FellShort) for shortfall in entry.shortfalls),
            *shortfalls.of_selection(narrowed),
            *shortfalls.of_benches(benches, cases),
            *shortfalls.of_scope(scope),
            *shortfalls.of_scopes(bench for entry in _of(entries, ScopeSet) for bench in entry.benches),
            *shortfalls.of_systems(_of(entries, SystemTried)),
            *shortfalls.of_profiles(cases),
            *shortfalls.of_sources(judging),
            *shortfalls.of_loaded(loaded),
            *shortfalls.of_items((entry.bench, entry.facts) for entry in _of(entries, ItemIdentified)),
            *shortfalls.of_waivers(waivers),
            *shortfalls.of_thresholds(bounds),
            *untried.of_passes(cases, {test for entry in _of(entries, LookedAt) for test in entry.tests}),
        ]
    )
    return Report(
        run=replace(_run(began, entries, Found(cases, not_run, figures), lacking), narrowed=narrowed, sources=judging),
        results=found,
        metrics=metrics,
        cases=cases,
        access=[access for entry in done for access in entry.access],
        requirements=list(known.values()),
        not_tested=[requirement for requirement in known if requirement not in covered],
        not_run=not_run,
        scope=scope,
        waivers=waivers,
        proof=next((entry.proof for entry in _of(entries, ProofFound)), None),
        # The last record of a bench and an image has all that the ones before it have.
        systems=list({(tried.bench, tried.guest_image): tried for tried in _of(entries, SystemTried)}.values()),
        thresholds=bounds,
        history=history,
    )


def _benches(entries: Sequence[Entry]) -> list[BenchScope]:
    """The benches of the environment file: of several sessions, each has selected its own, or a placement of one.

    What any of them had to judge is to be judged.
    """
    found: dict[str, BenchScope] = {}
    for bench in (bench for entry in _of(entries, ScopeSet) for bench in entry.benches):
        known = found.get(bench.bench)
        required = list(dict.fromkeys([*(known.requirements if known else ()), *bench.requirements]))
        if known and known.selected and bench.selected:
            left_out = [placement for placement in known.left_out if placement in bench.left_out]
            bench = replace(bench, left_out=left_out)
        elif known and known.selected:
            bench = known
        found[bench.bench] = replace(bench, requirements=required)
    return list(found.values())


def _waivers(entries: Sequence[Entry], cases: Sequence[Case]) -> list[Waiver]:
    """The waivers of the targets, each with the number of failures that it accepted."""
    given = dict.fromkeys(waiver for entry in _of(entries, ScopeSet) for waiver in entry.waivers)
    return [
        replace(waiver, used=sum(waives(waiver, case) for case in cases if case.verdict == "fail")) for waiver in given
    ]


def status_of_pytest(run: Run) -> int:
    """The exit status of a pytest session: it says whether something failed, and the last line has the verdict."""
    return EXIT_PASS if run.verdict == "partial" else run.exit_status


def results(cases: Iterable[Case]) -> list[Result]:
    """One record per requirement, bench, placement, guest image and way, in the order of the requirements' ids."""
    groups: dict[tuple[str, Site], list[Case]] = {}
    for case in cases:
        for requirement in case.requirements:
            groups.setdefault((requirement, case.site), []).append(case)
    return [_result(key[0], group) for key, group in sorted(groups.items())]


def _result(requirement: str, cases: Sequence[Case]) -> Result:
    deciding = min(cases, key=lambda case: _badness(case, requirement))
    return Result(
        requirement=requirement,
        test=deciding.test,
        site=deciding.site,
        verdict=_verdict_for(deciding, requirement),
        duration_s=round(sum(case.duration_s for case in cases), 6),
        evidence=list(dict.fromkeys(path for case in cases for path in case.evidence)),
        tests=[CaseVerdict(case.test, _verdict_for(case, requirement), case.duration_s) for case in cases],
        reason=deciding.reason,
        known_failure=deciding.known_failure,
        observations=[observation for case in cases for observation in case.observations],
    )


def _verdict_for(case: Case, requirement: str) -> Verdict:
    return "recorded" if case.verdict == "pass" and requirement in case.recorded_only else case.verdict


def _badness(case: Case, requirement: str) -> float:
    """Order of deciding tests, worst first: a failure that is accepted stands behind an error."""
    return 1.5 if accepted(case) else _WORST_FIRST.index(_verdict_for(case, requirement))


def _of(entries: Sequence[Entry], kind: type[E]) -> list[E]:
    return [entry for entry in entries if isinstance(entry, kind)]


def _not_run(planned: Sequence[Planned], cases: Sequence[Case]) -> list[Planned]:
    ran = {case.test for case in cases}
    return [case for case in planned if case.test not in ran]


def _run(
    began: Began,
    entries: Sequence[Entry],
    found: Found,
    lacking: list[Shortfall],
) -> Run:
    end = next(iter(_of(entries, Ended)), None)
    ended = end.ended if end else _last_sign(began, entries)
    reasons = [*_cut_short(end, entries, found.not_run), *_findings(found.cases, found.not_run), *found.figures]
    seconds = end.seconds if end else None
    if seconds is None:
        # By the clock of the wall, which may have been set meanwhile.
        seconds = max(0.0, (datetime.fromisoformat(ended) - datetime.fromisoformat(began.started)).total_seconds())
    return Run(
        id=began.id,
        verdict="fail" if reasons else "partial" if lacking else "pass",
        reasons=reasons,
        finished=end is not None and not found.not_run,
        started=began.started,
        ended=ended,
        duration_s=round(seconds, 3),
        exit_status=_exit_status(reasons, entries, found, bool(lacking)),
        command=began.command,
        harness_version=began.harness_version,
        harness_commit=began.harness_commit,
        python=began.python,
        platform=began.platform,
        packages=began.packages,
        # Two benches may report the same QEMU.
        parts=list(dict.fromkeys(part for entry in _of(entries, ComponentsRecorded) for part in entry.parts)),
        surroundings=began.surroundings,
        harness_commit_note=began.harness_commit_note,
        shortfalls=lacking,
    )


def _loaded(entries: Sequence[Entry]) -> list[Source]:
    """Further code of all sessions. Each of them has loaded a part of it, at its begin and at its end."""
    found: dict[tuple[str, str, str], Source] = {}
    for source in (source for entry in _of(entries, CodeLoaded) for source in entry.sources):
        key = (source.what, source.commit, source.note)
        changes = {*source.changes, *(found[key].changes if key in found else ())}
        found[key] = replace(source, changes=sorted(changes))
    return list(found.values())


def _last_sign(began: Began, entries: Sequence[Entry]) -> str:
    """The last time that a run without an end is known to have lived."""
    return max([began.started, *(entry.started for entry in _of(entries, CaseBegan))])


def _cut_short(end: Ended | None, entries: Sequence[Entry], not_run: Sequence[Planned]) -> list[str]:
    reasons = [entry.message for entry in _of(entries, RunError)]
    if end is None:
        done = {entry.case.test for entry in _of(entries, CaseDone)}
        under_way = [entry.test for entry in _of(entries, CaseBegan) if entry.test not in done]
        during = f" during {under_way[-1]}" if under_way else ""
        reasons.append(f"the run did not finish: it ended{during} without a message")
    if not_run:
        reasons.append(f"{_count(len(not_run), 'planned test')} did not run")
    return reasons


def _findings(cases: Sequence[Case], not_run: Sequence[Planned]) -> list[str]:
    reasons = []
    failed = [case for case in cases if case.verdict == "fail" and not accepted(case)]
    if failed:
        reasons.append(f"{_count(len(failed), 'test')} failed")
    expired = [case for case in failed if case.known_failure]
    if expired:
        reasons.append(f"{_count(len(expired), 'known failure')} expired")
    broken = Counter(case.site.bench or "no bench" for case in cases if case.verdict == "error")
    reasons += [f"error in {_count(number, 'test')} ({bench})" for bench, number in broken.items()]
    judged = {case.site.bench for case in cases if case.verdict in _JUDGED}
    silent = ({case.site.bench for case in cases} | {case.bench for case in not_run}) - judged
    if not judged:
        reasons.append("nothing was judged")
    else:
        reasons += [f"nothing was judged on {bench}" for bench in sorted(silent) if bench]
    return reasons


def _exit_status(reasons: Sequence[str], entries: Sequence[Entry], found: Found, lacking: bool) -> int:
    if not reasons:
        return EXIT_PARTIAL if lacking else EXIT_PASS
    if any(entry.usage for entry in _of(entries, RunError)):
        return EXIT_USAGE
    if any(case.verdict == "fail" and not accepted(case) for case in found.cases):
        return EXIT_REQUIREMENT_FAILED
    # Where a bench broke as well, there are further reasons.
    return EXIT_REQUIREMENT_FAILED if list(reasons) == list(found.figures) else EXIT_BENCH_ERROR


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
