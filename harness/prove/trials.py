# SPDX-License-Identifier: Apache-2.0
"""Defects that are tried in few pytest sessions: a session gets one after the other, as long as it lives.

``harness.prove.trying`` is the other side, in the session.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from harness.errors import BenchError
from harness.runs.sessions import SessionResult, Sessions
from harness.structured import structure, unstructure

Verdict = Literal["fail", "pass", "error", "late"]
"""What the tests said together. ``late``: they did not come to an end in time."""

# A session collects a thousand tests before it is ready.
_READY_SECONDS: Final = 600.0
# One that has nothing more to do writes its report.
_END_SECONDS: Final = 60.0
_LINE_BYTES: Final = 1 << 22


@dataclass(frozen=True)
class Task:
    """A defect to try, and the tests that may notice, in their order.

    ``fault`` is one of the catalogue, ``mutant`` a module and, behind a colon, the file with its changed source. After
    so many tests with ``errors`` only those of ``starts`` are tried yet, which judge that guests start; 0: never. The
    first failure ends the attempt, with ``group`` the first one of a requirement that has to catch its faults.
    """

    name: str
    tests: list[str]
    fault: str = ""
    mutant: str = ""
    errors: int = 0
    starts: list[str] = field(default_factory=list)
    group: str = ""


@dataclass(frozen=True)
class Answer:
    """What ``tests`` tests found. ``test``, ``requirements``, ``place`` and ``reason`` are of the one that decided."""

    name: str
    verdict: Verdict
    tests: int
    seconds: float
    test: str = ""
    requirements: list[str] = field(default_factory=list)
    place: str = ""
    reason: str = ""


class _GoneError(Exception):
    """The session has ended, or said nothing in time."""


class _Line:
    """The pipes to one session."""

    def __init__(self) -> None:
        self._tasks_reading, self._tasks = os.pipe()
        self._answers, self._answers_writing = os.pipe()
        self._transport: asyncio.ReadTransport | None = None
        self._stream = asyncio.StreamReader(limit=_LINE_BYTES)

    @property
    def descriptors(self) -> tuple[int, int]:
        """The session's ends."""
        return self._tasks_reading, self._answers_writing

    async def open(self) -> None:
        """Listen from now on."""
        loop = asyncio.get_running_loop()
        reading = os.fdopen(self._answers, "rb")
        self._transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(self._stream), reading)

    def handed_over(self) -> None:
        """The session has its ends: when it closes them they are closed."""
        for descriptor in self.descriptors:
            os.close(descriptor)

    async def hear(self, seconds: float) -> bytes:
        """The next line. Raises TimeoutError, or _GoneError."""
        async with asyncio.timeout(seconds):
            line = await self._stream.readline()
        if not line:
            raise _GoneError
        return line

    async def ask(self, task: Task, seconds: float) -> Answer:
        """Have one defect tried. Raises TimeoutError, or _GoneError."""
        text = json.dumps(unstructure(task)).encode() + b"\n"
        try:
            # More than a pipe holds goes out while the session reads.
            await asyncio.to_thread(_write, self._tasks, text)
        except BrokenPipeError:
            raise _GoneError from None
        answer: Answer = structure(json.loads(await self.hear(seconds)), Answer, "answer")
        return answer

    def end(self) -> None:
        """There is nothing more to try."""
        with suppress(OSError):
            os.close(self._tasks)

    def close(self) -> None:
        """Let go of the answers."""
        if self._transport:
            self._transport.close()


def _write(descriptor: int, text: bytes) -> None:
    while text:
        text = text[os.write(descriptor, text) :]


@dataclass
class Trials:
    """Sessions side by side below the folder ``base``. A defect may take ``longest_s`` seconds."""

    sessions: Sessions
    base: Path
    jobs: int
    longest_s: float
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _broke: set[str] = field(default_factory=set)

    async def run(self, tasks: Iterable[Task], tell: Callable[[Answer], None]) -> None:
        """Try all; ``tell`` gets each answer when it is there. Raises BenchError when no session can be had."""
        waiting = iter(tasks)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self.jobs):
                    group.create_task(self._work(waiting, tell))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _work(self, waiting: Iterator[Task], tell: Callable[[Answer], None]) -> None:
        """One session after the other, each until a defect has ended it or there is none left."""
        task = next(waiting, None)
        while task is not None:
            task = await self._session(task, waiting, tell)

    async def _session(self, task: Task, waiting: Iterator[Task], tell: Callable[[Answer], None]) -> Task | None:
        """Try as many as one session survives; the next one to try."""
        line = _Line()
        await line.open()
        place = self.base / f"session-{next(self._numbers)}"
        tasks, answers = line.descriptors
        options = ["--prove-tasks", str(tasks), "--prove-answers", str(answers)]
        running = asyncio.create_task(self.sessions.run(place, *options, descriptors=line.descriptors))
        try:
            await _ready(line, running)
            while True:
                answer = await self._ask(line, task)
                if answer is None:
                    return task
                tell(answer)
                following = next(waiting, None)
                if following is None or answer.verdict == "late" or running.done():
                    return following
                task = following
        except asyncio.CancelledError:
            # Somebody does not want to wait for what is being tried.
            running.cancel()
            raise
        finally:
            line.end()
            await _end(running)
            line.close()

    async def _ask(self, line: _Line, task: Task) -> Answer | None:
        """None if the session has ended, which may have been the doing of the defect before."""
        try:
            return await line.ask(task, self.longest_s)
        except TimeoutError:
            return Answer(task.name, "late", 0, self.longest_s, reason="the tests did not end in time")
        except _GoneError:
            if task.name not in self._broke:
                self._broke.add(task.name)
                return None
            return Answer(task.name, "late", 0, 0.0, reason="the session broke, twice")


async def _ready(line: _Line, running: asyncio.Task[SessionResult]) -> None:
    """Until the session has its tests. Raises BenchError when it ends before."""
    hearing = asyncio.create_task(line.hear(_READY_SECONDS))
    try:
        await asyncio.wait({hearing, running}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            finished = await running
            raise BenchError(f"a session ended before its first test: {'; '.join(finished.report.run.reasons)}")
        await hearing
    except TimeoutError:
        raise BenchError(f"a session was not ready within {_READY_SECONDS:g} s") from None
    finally:
        hearing.cancel()
        line.handed_over()


async def _end(running: asyncio.Task[SessionResult]) -> None:
    """Wait for the end of a session that has nothing more to do, or bring it down.

    ``asyncio.wait`` raises only when the waiting itself is cancelled, so an interrupt is never taken for the end of
    the session.
    """
    try:
        async with asyncio.timeout(_END_SECONDS):
            await asyncio.wait({running})
    except TimeoutError:
        pass
    finally:
        running.cancel()
        await asyncio.wait({running})
        # What ended the session was said by its answers; asyncio complains of errors that nobody has looked at.
        if not running.cancelled():
            running.exception()
