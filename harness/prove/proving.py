# SPDX-License-Identifier: Apache-2.0
"""Sessions with and without faults, several at a time, and what they say together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from harness.emulator.faults import Fault
from harness.errors import BenchError
from harness.prove.groups import matches
from harness.prove.model import Catch, Control, Difference, Outcome, Proof
from harness.report.model import Report
from harness.sessions import Finished, Sessions

T = TypeVar("T")
U = TypeVar("U")

_TESTS: Final = "tests.txt"
_GOOD: Final = ("pass", "skipped", "recorded")


@dataclass
class Progress:
    """A line for each session that has ended, with the time that is left; ``say`` gets it."""

    total: int
    jobs: int
    say: Callable[[str], None]
    _began: float = field(default_factory=time.monotonic)
    _done: int = 0

    def done(self, text: str) -> None:
        """One more session has ended."""
        self._done += 1
        left = (time.monotonic() - self._began) / self._done * (self.total - self._done)
        self.say(f"[{self._done:{len(str(self.total))}}/{self.total}] {text}{_left(left) if left >= 1 else ''}")


def _left(seconds: float) -> str:
    return f"  (about {seconds / 60:.0f} min left)" if seconds >= 90 else f"  (about {seconds:.0f} s left)"


@dataclass(frozen=True)
class Proving:
    """The proof below the folder ``base``: ``jobs`` sessions run side by side."""

    sessions: Sessions
    base: Path
    jobs: int

    async def faults(self, faults: Sequence[Fault], progress: Progress) -> list[Proof]:
        """One session with each fault, in the given order."""
        return await self._side_by_side([self._fault(fault, progress) for fault in faults])

    async def control(self, what: str, progress: Progress, *, tests: Sequence[str] = ()) -> Control:
        """A session without a fault, of the tests with these ids or of everything."""
        place = self.base / what
        options = []
        if tests:
            place.mkdir()
            chosen = place / _TESTS
            chosen.write_text("\n".join(tests) + "\n")
            options = ["--prove-tests", str(chosen)]
        finished = await self.sessions.run(place, *options)
        control = _control(what, finished, self.base)
        trouble = f"{len(control.failed)} FAILED" if control.failed else "all passed"
        progress.done(f"no fault ({what}): {control.tests} tests, {trouble}, {control.duration_s:.0f} s")
        return control

    async def shuffled(self, count: int, progress: Progress) -> tuple[list[Control], list[Difference]]:
        """``count`` sessions without a fault, each in another order, and the tests whose verdict was not always one."""
        runs = await self._side_by_side([self._shuffle(seed, progress) for seed in range(1, count + 1)])
        return [control for control, _ in runs], _differences([report for _, report in runs])

    async def _shuffle(self, seed: int, progress: Progress) -> tuple[Control, Report]:
        what = f"order-{seed}"
        finished = await self.sessions.run(self.base / what, "--prove-shuffle", str(seed))
        control = _control(what, finished, self.base)
        progress.done(f"{what}: {control.tests} tests, {len(control.failed)} failed, {control.duration_s:.0f} s")
        return control, finished.report

    async def _fault(self, fault: Fault, progress: Progress) -> Proof:
        place = self.base / "faults" / fault.name
        began = time.monotonic()
        try:
            finished = await self.sessions.run(place, "--fault", fault.name, "--prove-group", fault.group)
            proof = _proof(fault, finished, place.relative_to(self.base).as_posix())
        except BenchError as error:
            where = place.relative_to(self.base).as_posix()
            seconds = time.monotonic() - began
            proof = Proof(fault.name, fault.group, fault.text, "trouble", seconds, 0, where, trouble=str(error))
        progress.done(line(proof))
        return proof

    async def _side_by_side(self, work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
        """The results in the order of ``work``. When one fails or all are cancelled, the others are brought down."""
        free = asyncio.Semaphore(self.jobs)

        async def one(coroutine: Coroutine[Any, Any, T]) -> T:
            async with free:
                return await coroutine

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(coroutine)) for coroutine in work]
        finally:
            for coroutine in work:
                coroutine.close()
        return [task.result() for task in tasks]


async def gather(one: Coroutine[Any, Any, T], other: Coroutine[Any, Any, U]) -> tuple[T, U]:
    """Both results; when one fails or both are cancelled, the other is brought down."""
    async with asyncio.TaskGroup() as group:
        first, second = group.create_task(one), group.create_task(other)
    return first.result(), second.result()


def line(proof: Proof) -> str:
    """A proof in one line."""
    catch = proof.catch
    by = proof.trouble.partition("\n")[0]
    if catch:
        by = ", ".join(catch.requirements) + (f" on {catch.place}" if catch.place else "")
    words = {"caught": "caught by", "elsewhere": "CAUGHT ONLY BY", "survived": "SURVIVED", "trouble": "TROUBLE:"}
    return f"{proof.fault} ({proof.group}): {words[proof.outcome]} {by}".rstrip() + f", {proof.duration_s:.1f} s"


def _proof(fault: Fault, finished: Finished, place: str) -> Proof:
    """What a session says about its fault."""
    cases = finished.report.cases
    failed = [case for case in cases if case.verdict == "fail" and case.requirements]
    outcome: Outcome = "survived"
    trouble = ""
    if failed:
        outcome = "caught" if matches(fault.group, failed[0].requirements) else "elsewhere"
    elif finished.late or not cases or any(case.verdict == "error" for case in cases):
        outcome, trouble = "trouble", _trouble(finished)
    return Proof(
        fault=fault.name,
        group=fault.group,
        text=fault.text,
        outcome=outcome,
        duration_s=round(finished.duration_s, 2),
        tests=len(cases),
        folder=place,
        catch=Catch.of(failed[0]) if failed else None,
        trouble=trouble,
    )


def _trouble(finished: Finished) -> str:
    """Why a session is no proof."""
    if finished.late:
        return "the session did not end in time"
    reasons = [case.reason.strip().partition("\n")[0] for case in finished.report.cases if case.verdict == "error"]
    return f"{len(reasons)} tests had trouble, the first: {reasons[0]}" if reasons else "no test ran"


def _control(what: str, finished: Finished, base: Path) -> Control:
    cases = finished.report.cases
    failed = [f"{case.test}: {case.verdict}" for case in cases if case.verdict not in _GOOD]
    if finished.late or not cases:
        failed.append(_trouble(finished))
    # What went wrong beside the tests: a bench that could not be brought down, a suite that cannot be read.
    if not failed and finished.report.run.exit_status:
        failed += finished.report.run.reasons
    return Control(what, round(finished.duration_s, 2), len(cases), (base / what).relative_to(base).as_posix(), failed)


def _differences(reports: Sequence[Report]) -> list[Difference]:
    tables: list[dict[str, str]] = [{case.test: case.verdict for case in report.cases} for report in reports]
    tests = sorted({test for table in tables for test in table})
    rows = [Difference(test, [table.get(test, "not run") for table in tables]) for test in tests]
    return [row for row in rows if len(set(row.verdicts)) > 1]
