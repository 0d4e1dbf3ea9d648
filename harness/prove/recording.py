# SPDX-License-Identifier: Apache-2.0
"""Records which tests reach which lines: a session for each bench, without a defect. It is not done twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from labgrid.config import Config

from harness.errors import BenchError, UsageError
from harness.prove.reach import CASES
from harness.runs.sessions import Sessions


async def record(
    sessions: Sessions, base: Path, benches: Sequence[str], jobs: int, say: Callable[[str], None]
) -> list[Path]:
    """The folders of the record below ``base``, one for each bench that is wanted. Raises BenchError, UsageError."""
    known = list(Config(str(sessions.environment)).get_targets())
    if unknown := sorted(set(benches) - set(known)):
        raise UsageError(f"no bench {', '.join(unknown)}", remedy=f"choose one of {', '.join(known)}")
    wanted = [name for name in known if not benches or name in benches]
    free = asyncio.Semaphore(jobs)

    async def one(bench: str) -> None:
        place = base / bench
        if (place / CASES).exists():
            return
        async with free:
            place.mkdir(parents=True, exist_ok=True)
            for part in place.glob("lines.*"):
                part.unlink()
            session = replace(sessions, benches=[bench])
            finished = await session.run(place / "session", "--prove-reach", str(place))
        cases = finished.report.cases
        failed = [case.test for case in cases if case.verdict in ("fail", "error")]
        say(f"{bench}: {len(cases)} tests without a defect in {finished.duration_s:.0f} s, {len(failed)} failed")
        if not (place / CASES).exists():
            raise BenchError(f"{bench}: no record of what its tests reach")

    async with asyncio.TaskGroup() as group:
        for bench in wanted:
            group.create_task(one(bench))
    return [base / bench for bench in wanted]
