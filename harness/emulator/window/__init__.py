# SPDX-License-Identifier: Apache-2.0
"""The window of a guest: guest-physical slots behind which regions appear and disappear at run time."""

from harness.emulator.window.mapper import Mapper, NoAnswer, QemuEnded, WindowBroken
from harness.emulator.window.window import FIRST_BANK, LARGE_BANK, SLOT_SIZE, SLOTS, Window, divided

__all__ = [
    "FIRST_BANK",
    "LARGE_BANK",
    "SLOTS",
    "SLOT_SIZE",
    "Mapper",
    "NoAnswer",
    "QemuEnded",
    "Window",
    "WindowBroken",
    "divided",
]
