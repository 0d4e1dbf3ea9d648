# SPDX-License-Identifier: Apache-2.0
"""The host's end of a guest's console."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from harness.emulator.machine import Console
from harness.emulator.machine.console import open_console
from harness.shmem.config.errors import NOWHERE


def test_what_a_guest_has_just_said_counts_as_unread(tmp_path: Path) -> None:
    """Were it overlooked, even once in a thousand times, a guest's last words would be lost now and then."""
    (tmp_path / "dev").mkdir()
    with contextlib.closing(open_console(Console("/dev/ptyp0", NOWHERE), 0, tmp_path)) as console:
        (controller,), (user,) = console.inherit, console.keep
        words = b"the last words"
        for _ in range(1000):
            os.write(controller, words)
            assert console.unread == len(words)
            os.read(user, 100)
        assert console.unread == 0
