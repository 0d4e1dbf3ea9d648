# SPDX-License-Identifier: Apache-2.0
"""Several attempts at one test, as a retry plugin makes them: a retry takes nothing back.

A device that does once what it must not do has failed its requirement, and a bench that broke once has left it
unjudged; that a later attempt went well is reported with it. So the worst attempt decides. Only a rerun that somebody
asked for (:mod:`harness.report.evidence.rerun`) supersedes an error of the bench.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from harness.report.evidence.model import Attempt, Case, Verdict

_WORST_FIRST: tuple[Verdict, ...] = ("fail", "error", "recorded", "pass", "skipped")


def joined(cases: Iterable[Case]) -> list[Case]:
    """One case for each test, with all of its attempts.

    Sessions of several benches may run the same test: what is no first attempt belongs to the last case of that name.
    """
    groups: list[list[Case]] = []
    newest: dict[str, list[Case]] = {}
    for case in cases:
        if case.attempt == 1 or case.test not in newest:
            newest[case.test] = []
            groups.append(newest[case.test])
        newest[case.test].append(case)
    return [whole(group) for group in groups]


def whole(attempts: Sequence[Case]) -> Case:
    """The case that the attempts at one test make together."""
    first, last = attempts[0], attempts[-1]
    if first is last:
        return first
    deciding = min([case for case in attempts if not case.superseded] or attempts, key=_badness)
    return replace(
        deciding,
        started=first.started,
        duration_s=round(sum(case.duration_s for case in attempts), 6),
        setup_s=round(sum(case.setup_s for case in attempts), 6),
        call_s=round(sum(case.call_s for case in attempts), 6),
        teardown_s=round(sum(case.teardown_s for case in attempts), 6),
        evidence=list(dict.fromkeys(path for case in attempts for path in case.evidence)),
        observations=[observation for case in attempts for observation in case.observations],
        reason="\n".join(_summaries(attempts, deciding)),
        attempt=1,
        superseded=False,
        attempts=[Attempt(case.verdict, case.duration_s, case.reason) for case in attempts],
    )


def _badness(case: Case) -> float:
    """A failure that is accepted until a date stands behind an error, which left something unjudged."""
    known = case.known_failure
    return 1.5 if case.verdict == "fail" and known and not known.expired else _WORST_FIRST.index(case.verdict)


def _summaries(attempts: Sequence[Case], deciding: Case) -> Iterator[str]:
    """The attempt that decides comes first, because often only the first line is shown."""
    for number, case in sorted(enumerate(attempts, 1), key=lambda numbered: numbered[1] is not deciding):
        yield _summary(number, len(attempts), case)


def _summary(number: int, total: int, case: Case) -> str:
    return f"attempt {number} of {total}: {case.verdict}{f': {case.reason}' if case.reason else ''}"
