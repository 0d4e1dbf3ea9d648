# SPDX-License-Identifier: Apache-2.0
"""The progress of a qualification on a terminal: a table of all benches that is drawn anew, failures above it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TextIO

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from harness.events import Action, CaseEnded, CasesPlanned, CaseStarted, Event
from harness.report.recording.progress import Pace, label

_VERDICTS: Final = {"pass": "green", "fail": "bold red", "error": "yellow", "recorded": "cyan", "skipped": "dim"}
# Drawing takes a few milliseconds of a processor that the guests share.
_PAUSE_S: Final = 0.25


@dataclass
class _Bench:
    """How far one bench is, and what it does now."""

    verdicts: Counter[str] = field(default_factory=Counter)
    now: str = ""


class LiveTable:
    """Subscriber to the events of all sessions. ``close`` leaves the last table on the terminal."""

    def __init__(self, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pace = Pace(clock)
        self._drawn = 0.0
        self._benches: dict[str, _Bench] = {}
        self._console = Console(file=out, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)
        self._live.start()

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, CasesPlanned):
            self._pace.plan(event.total)
        elif isinstance(event, CaseStarted):
            self._bench(event.bench).now = label(event).removeprefix(f"{event.bench} ")
        elif isinstance(event, Action):
            self._bench(event.bench).now = str(event).removeprefix(f"{event.bench} ")
        elif isinstance(event, CaseEnded):
            self._pace.done += 1
            self._bench(event.bench).verdicts[event.verdict] += 1
            if event.verdict in ("fail", "error"):
                self._console.print(Text(f"{event.verdict:<6} {label(event)}", style=_VERDICTS[event.verdict]))
        if self._clock() - self._drawn >= _PAUSE_S:
            self._draw()

    def close(self) -> None:
        """Draw the last state."""
        for bench in self._benches.values():
            bench.now = ""
        self._draw()
        self._live.stop()

    def _bench(self, name: str) -> _Bench:
        return self._benches.setdefault(name, _Bench())

    def _draw(self) -> None:
        self._drawn = self._clock()
        self._live.update(self._table(), refresh=True)

    def _table(self) -> Table:
        table = Table(title=self._title(), title_justify="left", expand=True, box=None)
        table.add_column("bench", no_wrap=True)
        for name in _VERDICTS:
            table.add_column(name, justify="right")
        table.add_column("now", ratio=1, no_wrap=True, overflow="ellipsis")
        for name, bench in sorted(self._benches.items()):
            if name:
                counts = [
                    Text(str(bench.verdicts[verdict]), style=style if bench.verdicts[verdict] else "dim")
                    for verdict, style in _VERDICTS.items()
                ]
                table.add_row(Text(name), *counts, Text(bench.now))
        return table

    def _title(self) -> str:
        done, seconds = self._pace.done, self._pace.seconds
        words = [f"{done} of {self._pace.total} tests"]
        if done and seconds > 0:
            words.append(f"{done / seconds * 60:.0f} a minute")
        return ", ".join(filter(None, (*words, self._pace.left())))
