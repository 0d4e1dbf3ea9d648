# SPDX-License-Identifier: Apache-2.0
"""pytest sessions in processes of their own, several side by side, each with a report of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from harness import events, shipped
from harness.errors import BenchError
from harness.narrow import present
from harness.process import ending
from harness.provision.process import bound_to_parent
from harness.report.evidence import eventlog, folder, reader
from harness.report.evidence.model import Report, ReportError
from harness.runs import isolation

T = TypeVar("T")

OUTPUT: Final = "output.txt"
"""What a session said, in its folder."""

# Bringing the benches down takes a few seconds at most.
_CLEAN_SECONDS: Final = 30.0
_SAID_LINES: Final = 12
# An event with a traceback in it is no longer than this.
_EVENT_BYTES: Final = 1 << 20


@dataclass(frozen=True)
class SessionResult:
    """A session that has ended: its report, the seconds that it took, and pytest's exit status (negative: a signal).

    ``late``: it had to be ended.
    """

    report: Report
    duration_s: float
    late: bool
    status: int


@dataclass(frozen=True)
class Sessions:
    """What all sessions have in common: the ``suites``, the benches, further options, the longest time in seconds.

    pytest is started in ``folder``, and ``suites`` are relative to it: those of the harness unless others are named.
    """

    environment: Path
    suites: Sequence[str] = (shipped.SUITES.name,)
    benches: Sequence[str] = ()
    options: Sequence[str] = ()
    longest_s: float | None = None
    folder: Path = shipped.ROOT

    @property
    def ignored(self) -> list[str]:
        """What would change a pytest that a person starts, and does not change these sessions."""
        return isolation.ignored(shipped.ROOT, self.places)

    @property
    def places(self) -> list[Path]:
        """The folders and files of the suites."""
        return [self.folder / suite.partition("::")[0] for suite in self.suites]

    async def run(
        self,
        report_dir: Path,
        *options: str,
        watch: Callable[[events.Event], None] | None = None,
        descriptors: Sequence[int] = (),
    ) -> SessionResult:
        """Run one session with its report below ``report_dir``, which is made unless it is there.

        ``watch`` gets the session's events while it runs; the session inherits the ``descriptors``. When this is
        cancelled the session is brought down first.
        Raises BenchError when the session left no report.
        """
        report_dir.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        reading, writing = os.pipe()
        try:
            with (report_dir / OUTPUT).open("wb") as output:
                process = await asyncio.create_subprocess_exec(
                    *self._command(report_dir, [*options, "--events-to", str(writing)]),
                    cwd=self.folder,
                    env=isolation.environment(),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    process_group=0,
                    pass_fds=[writing, *descriptors],
                )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        relay = asyncio.create_task(_relay(reading, watch or (lambda _: None)))
        try:
            late = await _ended(process, self.longest_s)
        finally:
            await relay
        status = present(process.returncode)
        try:
            report = self._report(report_dir)
        except BenchError as error:
            if not late:
                raise
            raise BenchError(
                f"the session was ended after {self.longest_s:g} s, before it could begin its report",
                remedy="give it more time (--limit)",
            ) from error
        return SessionResult(report, time.monotonic() - began, late, status)

    def _command(self, report_dir: Path, options: Sequence[str]) -> list[str]:
        # Without -P, files of the current folder would hide modules of the same name.
        command = [sys.executable, "-P", "-m", "pytest", *self.suites]
        # What no suite needs and every session would pay for.
        command += ["-p", "no:cacheprovider", *isolation.options(shipped.ROOT, self.places)]
        command += ["--lg-env", str(self.environment), "--report-dir", str(report_dir)]
        for name in self.benches:
            command += ["--bench", name]
        return bound_to_parent([*command, *self.options, *options])

    def _report(self, report_dir: Path) -> Report:
        try:
            return reader.read(report_dir / folder.LATEST)
        except ReportError as error:
            raise BenchError(f"a session left no report in {report_dir} and said:\n{last_words(report_dir)}") from error


def last_words(report_dir: Path) -> str:
    """The last lines of what the session in ``report_dir`` said, each marked."""
    lines = (report_dir / OUTPUT).read_text(errors="replace").splitlines()[-_SAID_LINES:]
    return "\n".join(f"  | {line}" for line in lines)


def processors() -> int:
    """How many sessions this machine can run side by side without one waiting for another."""
    return len(os.sched_getaffinity(0))


def until_interrupted(work: Coroutine[Any, Any, T]) -> T:
    """Run ``work`` to its end; SIGINT, SIGTERM and SIGHUP cancel it, then raise KeyboardInterrupt.

    A second SIGINT cancels the clean-up.
    """

    async def run() -> T:
        main = asyncio.current_task()
        asked = False

        def interrupt() -> None:
            nonlocal asked
            for task in asyncio.all_tasks() if asked else [main]:
                if task:
                    task.cancel()
            if not asked:
                asked = True
                print("interrupted: stopping the benches (press Ctrl-C again to stop waiting)", file=sys.stderr)

        async with ending.listening_in_loop(interrupt):
            return await work

    running = run()
    try:
        return asyncio.run(running)
    except asyncio.CancelledError:
        raise ending.Interrupted from None
    finally:
        # Never begun when there is no descriptor left for a loop.
        running.close()
        work.close()


async def _relay(reading: int, watch: Callable[[events.Event], None]) -> None:
    """Forward the events of a session until its pipe closes."""
    stream = asyncio.StreamReader(limit=_EVENT_BYTES)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), open(reading, "rb"))  # noqa: SIM115
    try:
        async for line in stream:
            # A session that is killed may leave half a line.
            if line.endswith(b"\n"):
                watch(eventlog.parse(line.decode()))
    finally:
        transport.close()


async def _ended(process: asyncio.subprocess.Process, longest_s: float | None) -> bool:
    """Wait for the end; whether it had to be brought about."""
    try:
        async with asyncio.timeout(longest_s):
            await process.wait()
    except TimeoutError:
        await _bring_down(process)
        return True
    except asyncio.CancelledError:
        await asyncio.shield(_bring_down(process))
        raise
    return False


async def _bring_down(process: asyncio.subprocess.Process) -> None:
    """Let pytest stop its benches; kill it after a time limit, or at a second signal."""
    # The session reports the signal as the reason of its end; a time limit is no Ctrl-C.
    process.send_signal(ending.asked_with() or signal.SIGTERM)
    try:
        async with asyncio.timeout(_CLEAN_SECONDS):
            await process.wait()
    except (TimeoutError, asyncio.CancelledError):
        process.kill()
        await process.wait()
