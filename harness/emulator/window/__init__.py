# SPDX-License-Identifier: Apache-2.0
"""The window of a guest: guest-physical slots behind which regions appear and disappear at run time."""

from harness.emulator.window.mapper import Mapper, NoAnswer, QemuEnded, WindowBroken
from harness.emulator.window.window import SLOT_SIZE, SLOTS, Window

__all__ = ["SLOTS", "SLOT_SIZE", "Mapper", "NoAnswer", "QemuEnded", "Window", "WindowBroken"]
