# SPDX-License-Identifier: Apache-2.0
"""The progress of a session, from the event stream: on a terminal a line that is rewritten, else one per case."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from harness.events import Action, CaseEnded, CasesPlanned, CaseStarted, Event

_CLEAR = "\r\x1b[2K"


class Progress:
    """Subscriber that prints the progress of the session on ``out``.

    ``columns`` is the width of the terminal; None when ``out`` is none, so that a log of CI stays readable.
    """

    def __init__(self, out: TextIO, columns: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._columns = columns
        self._clock = clock
        self._total = 0
        self._done = 0
        self._began = clock()
        self._label = ""

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, CasesPlanned):
            if not self._total:
                self._began = self._clock()
            # Sessions that run side by side plan one after the other.
            self._total += event.total
        elif isinstance(event, CaseStarted):
            self._label = label(event)
            self._status(self._label)
        elif isinstance(event, Action):
            self._status(f"{self._label}: {event}" if self._label else str(event))
        elif isinstance(event, CaseEnded):
            self._ended(event)

    def close(self) -> None:
        """Leave the terminal on an empty line."""
        if self._columns is not None:
            self._out.write(_CLEAR)
            self._out.flush()

    def _ended(self, event: CaseEnded) -> None:
        self._done += 1
        line = f"{self._count()} {event.verdict:<8} {label(event)}  {event.duration_s:.2f} s{self._remaining()}"
        if self._columns is None:
            self._out.write(line + "\n")
        elif event.verdict in ("fail", "error"):
            self._out.write(f"{_CLEAR}{line}\n")
        else:
            self._out.write(_CLEAR + line[: self._columns - 1])
        self._out.flush()

    def _status(self, text: str) -> None:
        if self._columns is not None:
            self._out.write(f"{_CLEAR}{self._count()} {text}{self._remaining()}"[: self._columns + len(_CLEAR) - 1])
            self._out.flush()

    def _count(self) -> str:
        width = len(str(self._total))
        return f"[{self._done:>{width}}/{self._total}]"

    def _remaining(self) -> str:
        if not self._done or self._done >= self._total:
            return ""
        seconds = (self._clock() - self._began) / self._done * (self._total - self._done)
        return f", about {duration(seconds)} left"


def label(event: CaseStarted | CaseEnded) -> str:
    """A case in a few words."""
    short = event.case.rsplit("/", 1)[-1]
    what = f"{' '.join(event.requirements)} {short}" if event.requirements else short
    return f"{event.bench} {what}" if event.bench else what


def duration(seconds: float) -> str:
    """A time for people."""
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{whole} s"
