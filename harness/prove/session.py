# SPDX-License-Identifier: Apache-2.0
"""One pytest session of a proof, in a process of its own."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.errors import BenchError
from harness.provision.process import bound_to_parent
from harness.report import folder, reader
from harness.report.model import Report, ReportError

CHECKOUT: Final = Path(__file__).resolve().parents[2]
"""Where the suites are: this command is for a checkout."""

_OUTPUT: Final = "output.txt"
# Bringing the benches down takes a few seconds at most.
_CLEAN_SECONDS: Final = 30.0
_SAID_LINES: Final = 12


@dataclass(frozen=True)
class Finished:
    """A session that has ended: its report, and the seconds that it took. ``late``: it had to be ended."""

    report: Report
    duration_s: float
    late: bool


@dataclass(frozen=True)
class Sessions:
    """How all sessions of a proof run: the ``suites``, the benches, the longest time of one in seconds."""

    environment: Path
    suites: Sequence[str]
    benches: Sequence[str]
    longest_s: float

    async def run(self, place: Path, *options: str) -> Finished:
        """Run one session with its report below ``place``, which is made unless it is there.

        When it is cancelled the session is brought down first. Raises BenchError when the session left no report.
        """
        place.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        with (place / _OUTPUT).open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *self._command(place, options),
                cwd=CHECKOUT,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                process_group=0,
            )
            late = await _ended(process, self.longest_s)
        return Finished(self._report(place), time.monotonic() - began, late)

    def _command(self, place: Path, options: Sequence[str]) -> list[str]:
        command = [sys.executable, "-m", "pytest", *self.suites, "-p", "harness.prove.plugin"]
        # What no suite needs and every session would pay for.
        command += ["-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
        command += ["--lg-env", str(self.environment), "--report-dir", str(place)]
        for name in self.benches:
            command += ["--bench", name]
        return bound_to_parent([*command, *options])

    def _report(self, place: Path) -> Report:
        try:
            return reader.read(place / folder.LATEST)
        except ReportError as error:
            lines = (place / _OUTPUT).read_text(errors="replace").splitlines()[-_SAID_LINES:]
            said = "\n".join(f"  | {line}" for line in lines)
            raise BenchError(f"a session left no report in {place} and said:\n{said}") from error


async def _ended(process: asyncio.subprocess.Process, longest_s: float) -> bool:
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
    """Let pytest bring its benches down, and kill it when it does not."""
    process.send_signal(signal.SIGINT)
    try:
        async with asyncio.timeout(_CLEAN_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
