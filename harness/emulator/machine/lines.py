# SPDX-License-Identifier: Apache-2.0
"""Wires into the interrupt controller of a running machine, reached through qtest without waiting for QEMU.

On AArch64 a latched pending bit of the GIC, on x86-64 a pulse on an input of the IO-APIC.
"""

from __future__ import annotations

from typing import Final

from harness.emulator.machine.qtest import Qtest

_GICD_ISPENDR: Final = 0x0800_0000 + 0x200


class GicLine:
    """A line of the GIC by its INTID: the pending bit is set, and the guest's acknowledgement clears it."""

    repeat_after: float = 0.05

    def __init__(self, qtest: Qtest, intid: int) -> None:
        self._qtest = qtest
        self._command = f"writel {_GICD_ISPENDR + 4 * (intid // 32):#x} {1 << intid % 32:#x}"

    def pulse(self) -> None:
        """Set the pending bit."""
        self._qtest.pulse(self._command)


class IoApicLine:
    """An input of the IO-APIC at a QOM path: raised, and lowered before the guest's handler can end.

    An input that the guest has programmed as level-triggered forgets a pulse that comes between the handler's read of
    ``status`` and its end of interrupt; an early repetition makes up for that. It is without effect in other cases, but
    for the moment of the read: a repetition on its way then is an interrupt that the handler disowns.
    """

    def __init__(self, qtest: Qtest, path: str, pin: int, *, level: bool) -> None:
        self._qtest = qtest
        self._input = f"set_irq_in {path} unnamed-gpio-in {pin}"
        self.repeat_after = 0.003 if level else 0.05

    def pulse(self) -> None:
        """Raise and lower."""
        self._qtest.pulse(f"{self._input} 1", f"{self._input} 0")
