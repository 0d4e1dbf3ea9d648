# SPDX-License-Identifier: Apache-2.0
"""One loopback board for all tests of a module, and a target file per test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.loopback.resource import LoopbackBoard
from tests.boards.lab import LIMITS, Lab


@pytest.fixture(scope="package")
def board() -> Iterator[LoopbackBoard]:
    """A board. It has no power before and after each test."""
    board = LoopbackBoard()
    yield board
    board.close()


@pytest.fixture
def lab(board: LoopbackBoard, tmp_path: Path) -> Iterator[Lab]:
    """The board with a target file of the test's own."""
    lab = Lab(board, tmp_path)
    yield lab
    lab.end()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how long it took to detect each injected failure."""
    if LIMITS:
        terminalreporter.section("time until each injected failure was handled")
        for what, took, allowed in LIMITS:
            terminalreporter.line(f"{took:7.2f} s of {allowed:5.1f} s  {what}")
