# SPDX-License-Identifier: Apache-2.0
"""Deliberate defects of the emulated device, by name: each is one way in which a real device could be wrong.

They exist so that the suites can prove that they notice. A fault replaces methods of the device's classes in the
process of one host, which is why it is meant for a host that serves nothing else. The group of a fault names the
requirements that have to catch it.
"""

from harness.emulator.faults import (
    history,
    isolation,
    lifecycle,
    limits,
    naming,
    notification,
    oversights,
    placement,
    registers,
    rules,
)
from harness.emulator.faults.catalogue import FAULTS, Fault, Patches

__all__ = [
    "FAULTS",
    "Fault",
    "Patches",
    "history",
    "isolation",
    "lifecycle",
    "limits",
    "naming",
    "notification",
    "oversights",
    "placement",
    "registers",
    "rules",
]
