# SPDX-License-Identifier: Apache-2.0
"""Faults that are put into the devices of this process while it runs."""

from __future__ import annotations

import difflib

from harness.emulator.faults.catalogue import FAULTS, Patches
from harness.errors import UsageError


class Injection:
    """The faults that are in now."""

    def __init__(self) -> None:
        self._patches = Patches()

    def inject(self, name: str) -> None:
        """Give the devices of this process a defect. Raises UsageError for an unknown one."""
        fault = FAULTS.get(name)
        if fault is None:
            close = difflib.get_close_matches(name, FAULTS, n=1)
            raise UsageError(f"no fault '{name}'", remedy=f"did you mean '{close[0]}'?" if close else "")
        fault.apply(self._patches)

    def clear(self) -> None:
        """Take all defects away again."""
        self._patches.clear()
