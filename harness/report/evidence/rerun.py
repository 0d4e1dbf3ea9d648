# SPDX-License-Identifier: Apache-2.0
"""Runs that were continued: what failed, broke or did not run was tried again, and both attempts stay.

What a device did once is not undone: of a failure and a pass, the failure decides. A bench that broke said nothing
about the device, so a later attempt that judged it decides; the run is then no whole pass, because somebody has to look
why the bench broke. What had not been tried at all is simply there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.report.evidence.few import few
from harness.report.evidence.journal import NOTHING_SELECTED, CaseDone, Entry, FellShort, Narrowed, RunError
from harness.report.evidence.model import Case, Shortfall

SELECTED_BY = "harness qualify --rerun"
"""What left out the tests that an earlier attempt had judged."""

_JUDGED = ("pass", "fail", "recorded")
_SHOWN = 3


def together(layers: Sequence[Sequence[Entry]]) -> list[Entry]:
    """The entries of the sessions of each attempt, those of the first one first, as entries of one run."""
    cases = [[entry.case for entry in layer if isinstance(entry, CaseDone)] for layer in layers]
    mended = {
        case.test
        for number, layer in enumerate(cases)
        for case in layer
        if case.verdict == "error" and any(_judges(case.test, later) for later in cases[number + 1 :])
    }
    times: Counter[str] = Counter()
    entries: list[Entry] = []
    for number, layer in enumerate(layers):
        later = [case for each in cases[number + 1 :] for case in each]
        before_it = Counter(times)
        for entry in layer:
            if isinstance(entry, CaseDone):
                times[entry.case.test] += 1
                over = entry.case.verdict == "error" and _judges(entry.case.test, later)
                attempt = before_it[entry.case.test] + entry.case.attempt
                case = replace(entry.case, attempt=attempt, superseded=over)
                entries.append(replace(entry, case=case))
            else:
                entries += _other(entry, number, len(layers))
    if mended:
        named = few(sorted(mended), _SHOWN)
        text = f"the bench broke in the first attempt at {_tests(len(mended))} that a later one judged: {named}"
        entries.append(FellShort([Shortfall("rerun", text)]))
    return entries


def before(message: str) -> FellShort:
    """What went wrong with an earlier attempt as a whole."""
    return FellShort([Shortfall("rerun", f"in an earlier attempt: {message}")])


def _other(entry: Entry, number: int, layers: int) -> Iterator[Entry]:
    """What is no case: an earlier attempt's errors are past, a later one's selection is what the rerun is about."""
    if isinstance(entry, RunError) and number < layers - 1:
        if entry.message != NOTHING_SELECTED:
            yield before(entry.message)
    elif isinstance(entry, Narrowed) and number:
        yield replace(entry, narrowed=[each for each in entry.narrowed if each.by != SELECTED_BY])
    else:
        yield entry


def _judges(test: str, cases: Sequence[Case]) -> bool:
    return any(case.test == test and case.verdict in _JUDGED for case in cases)


def _tests(number: int) -> str:
    return "1 test" if number == 1 else f"{number} tests"
