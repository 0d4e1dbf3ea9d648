# SPDX-License-Identifier: Apache-2.0
"""The progress of a session on pytest's own terminal."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from typing import Final, Self, TextIO

import pytest

from harness import events
from harness.process import streams
from harness.report.evidence.model import Case
from harness.report.pages import html
from harness.report.recording.progress import Progress

_STDOUT: Final = 1


class TerminalProgress:
    """Writes the progress to the terminal while pytest captures what is written to standard output."""

    def __init__(self, reporter: pytest.TerminalReporter) -> None:
        self._reporter = reporter
        self._terminal: TextIO = streams.tolerant(os.dup(_STDOUT), owned=True)
        columns = shutil.get_terminal_size().columns if self._terminal.isatty() else None
        reporter.showfspath = False
        self._progress = Progress(self._terminal, columns)
        self._unsubscribe = events.session.subscribe(self._progress)

    @classmethod
    def wanted(cls, config: pytest.Config) -> Self | None:
        """The progress, unless there is no terminal or pytest's own output is wanted."""
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        return None if reporter is None or config.option.verbose != 0 else cls(reporter)

    def flush(self) -> None:
        """Let what pytest has written come before the next line of the progress."""
        self._reporter.flush()

    def close(self) -> None:
        """Give the terminal back."""
        self._unsubscribe()
        self._progress.close()
        self._terminal.close()


def untold(config: pytest.Config, cases: Iterable[Case]) -> Iterator[str]:
    """Lines on the cases that pytest's own terminal has not shown as failed: it believes what plugins say of a test.

    And on failures that are accepted, which the verdict does not show.
    """
    cases = list(cases)
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    shown = [*reporter.stats.get("failed", ()), *reporter.stats.get("error", ())] if reporter else []
    told = {report.nodeid for report in shown}
    yield from html.failures(case for case in cases if case.test not in told)
    yield from html.accepted_failures(cases)
