# SPDX-License-Identifier: Apache-2.0
"""The progress of a session, from the event stream: on a terminal a line that is rewritten, else one per case."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from harness.events import Action, CaseEnded, CasesPlanned, CaseStarted, Event

_CLEAR = "\r\x1b[2K"


class Pace:
    """How many tests of all sessions are planned and done, and how long the rest takes at the rate so far."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = clock()
        self.total = 0
        self.done = 0

    def plan(self, total: int) -> None:
        """Take the number of tests of one session: those that run side by side plan one after the other."""
        if not self.total:
            self._began = self._clock()
        self.total += total

    @property
    def seconds(self) -> float:
        """The time since the first session had its plan."""
        return self._clock() - self._began

    def left(self) -> str:
        """How long the rest takes, in words; empty where nothing is done yet or all of it."""
        if not 0 < self.done < self.total:
            return ""
        return f"about {duration(self.seconds / self.done * (self.total - self.done))} left"


class Progress:
    """Subscriber that prints the progress of the session on ``out``.

    ``columns`` is the width of the terminal; None when ``out`` is none, so that a log of CI stays readable.
    """

    def __init__(self, out: TextIO, columns: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._columns = columns
        self._pace = Pace(clock)
        self._label = ""

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, CasesPlanned):
            self._pace.plan(event.total)
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
        self._pace.done += 1
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
        width = len(str(self._pace.total))
        return f"[{self._pace.done:>{width}}/{self._pace.total}]"

    def _remaining(self) -> str:
        left = self._pace.left()
        return f", {left}" if left else ""


def label(event: CaseStarted | CaseEnded) -> str:
    """A case in a few words."""
    place, bracket, parameters = event.case.partition("[")
    short = place.rsplit("/", 1)[-1] + bracket + parameters
    what = f"{' '.join(event.requirements)} {short}" if event.requirements else short
    return f"{event.bench} {what}" if event.bench else what


def duration(seconds: float) -> str:
    """A time for people."""
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{whole} s"
