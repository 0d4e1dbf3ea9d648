# SPDX-License-Identifier: Apache-2.0
"""Sessions with and without faults, several at a time, and what they say together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.emulator.faults.catalogue import Fault
from harness.errors import BenchError
from harness.prove.groups import matches
from harness.prove.model import Catch, Control, Outcome, Proof
from harness.prove.record import Record
from harness.runs.sessions import SessionResult, Sessions

CONTROL: Final = "control"
"""The session without a fault."""

_TESTS: Final = "tests.txt"
_GOOD: Final = ("pass", "skipped", "recorded")


@dataclass(frozen=True)
class Proving:
    """The proof below the folder ``base``: ``jobs`` sessions run side by side, and ``record`` takes what they found."""

    sessions: Sessions
    base: Path
    jobs: int
    record: Record

    async def everything(self, faults: Sequence[Fault]) -> None:
        """One session with each fault, and all of the suites without one."""
        await self._side_by_side([self.control(CONTROL), *map(self._fault, faults)])

    async def some(self, faults: Sequence[Fault]) -> None:
        """One session with each fault, then without one the tests that have caught something, if any has."""
        await self._side_by_side([self._fault(fault) for fault in faults])
        tests = {proof.catch.test for proof in self.record.report().proofs if proof.catch}
        if tests:
            await self.control(CONTROL, tests=sorted(tests))
        else:
            self.record.needless(CONTROL)

    async def shuffled(self, names: Sequence[str]) -> None:
        """Sessions without a fault, each in another order: the first in that of seed 1, the second of seed 2 ..."""
        seeds = enumerate(names, 1)
        await self._side_by_side([self.control(name, "--prove-shuffle", str(seed)) for seed, name in seeds])

    async def control(self, what: str, *options: str, tests: Sequence[str] = ()) -> None:
        """A session without a fault, of the tests with these ids or of everything."""
        report_dir = self.base / what
        report_dir.mkdir()
        if tests:
            chosen = report_dir / _TESTS
            chosen.write_text("\n".join(tests) + "\n")
            options = (*options, "--prove-tests", str(chosen))
        began = time.monotonic()
        try:
            finished = await self.sessions.run(report_dir, *options)
        except BenchError as error:
            self.record.control(Control(what, time.monotonic() - began, 0, what, error=str(error)), {})
        else:
            self.record.control(_control(what, finished), {case.test: case.verdict for case in finished.report.cases})

    async def _fault(self, fault: Fault) -> None:
        report_dir = self.base / "faults" / fault.name
        where = report_dir.relative_to(self.base).as_posix()
        began = time.monotonic()
        try:
            finished = await self.sessions.run(report_dir, "--fault", fault.name, "--prove-group", fault.group)
            proof = _proof(fault, finished, where)
        except BenchError as error:
            seconds = time.monotonic() - began
            proof = Proof(fault.name, fault.group, fault.text, "error", seconds, 0, where, error=str(error))
        self.record.proof(proof)

    async def _side_by_side(self, work: Sequence[Coroutine[Any, Any, None]]) -> None:
        """When one fails or all are cancelled, the others are brought down. Raises what the first one raised."""
        free = asyncio.Semaphore(self.jobs)

        async def one(coroutine: Coroutine[Any, Any, None]) -> None:
            async with free:
                await coroutine

        try:
            async with asyncio.TaskGroup() as group:
                for coroutine in work:
                    group.create_task(one(coroutine))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        finally:
            for coroutine in work:
                coroutine.close()


def _proof(fault: Fault, finished: SessionResult, report_dir: str) -> Proof:
    """What a session says about its fault."""
    cases = finished.report.cases
    failed = [case for case in cases if case.verdict == "fail" and case.requirements]
    outcome: Outcome = "survived"
    error = ""
    if failed:
        outcome = "caught" if matches(fault.group, failed[0].requirements) else "elsewhere"
    elif finished.late or not cases or any(case.verdict == "error" for case in cases):
        outcome, error = "error", _why_no_verdict(finished)
    return Proof(
        fault=fault.name,
        group=fault.group,
        text=fault.text,
        outcome=outcome,
        duration_s=round(finished.duration_s, 2),
        tests=len(cases),
        folder=report_dir,
        catch=Catch.of(failed[0]) if failed else None,
        error=error,
    )


def _why_no_verdict(finished: SessionResult) -> str:
    """Why a session is no proof."""
    if finished.late:
        return "the session did not end in time"
    reasons = [case.why for case in finished.report.cases if case.verdict == "error"]
    return f"{len(reasons)} tests ended in an error, the first: {reasons[0]}" if reasons else "no test ran"


def _control(what: str, finished: SessionResult) -> Control:
    cases = finished.report.cases
    failed = [f"{case.test}: {case.verdict}" for case in cases if case.verdict not in _GOOD]
    error = _why_no_verdict(finished) if finished.late or not cases else ""
    # What went wrong next to the tests: a bench that could not be brought down, a suite that cannot be read.
    if not failed and not error and finished.report.run.verdict == "fail":
        error = "; ".join(finished.report.run.reasons)
    return Control(what, round(finished.duration_s, 2), len(cases), what, failed, error)
