# SPDX-License-Identifier: Apache-2.0
"""How many verdicts the matrix gave, and how fast."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from fixtures.settings import Setting


@dataclass
class Tally:
    """Verdicts and the seconds that they took, starts of guests included."""

    verdicts: int = 0
    seconds: float = 0.0

    def count(self) -> None:
        """One verdict more."""
        self.verdicts += 1

    @contextmanager
    def running(self) -> Iterator[None]:
        """The time in the block counts."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds += time.monotonic() - began

    @property
    def rate(self) -> float:
        """Verdicts per second."""
        return self.verdicts / self.seconds if self.seconds else 0.0


_TALLIES = pytest.StashKey[dict[Setting, Tally]]()


@pytest.fixture
def tally(setting: Setting, pytestconfig: pytest.Config) -> Tally:
    """The count of this setting."""
    return pytestconfig.stash.setdefault(_TALLIES, {}).setdefault(setting, Tally())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say the figures, setting by setting and together."""
    tallies = {setting.id: tally for setting, tally in config.stash.get(_TALLIES, {}).items() if tally.verdicts}
    if not tallies:
        return
    together = Tally(sum(each.verdicts for each in tallies.values()), sum(each.seconds for each in tallies.values()))
    for name, each in {**tallies, "all": together}.items():
        terminalreporter.write_line(
            f"access matrix, {name}: {each.verdicts} verdicts in {each.seconds:.1f} s, {each.rate:.0f} per second"
        )
