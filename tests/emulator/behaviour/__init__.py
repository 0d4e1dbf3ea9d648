# SPDX-License-Identifier: Apache-2.0
"""What guests, host programs and QEMU can see of the device, as scenarios whose observations can be compared.

They run in one process without QEMU and say nothing about right or wrong. A device that does something else shows in at
least one of them.
"""

from __future__ import annotations

from tests.emulator.behaviour import access, life, placement, registers, signals
from tests.emulator.behaviour.watching import Scenario, run

__all__ = ["SCENARIOS", "Scenario", "run"]

SCENARIOS: dict[str, tuple[Scenario, ...]] = {
    "access": access.SCENARIOS,
    "create": access.SCENARIOS,
    "registers": registers.SCENARIOS,
    "isolation": registers.SCENARIOS,
    "lifecycle": life.SCENARIOS,
    "notification": signals.SCENARIOS,
    "placement": placement.SCENARIOS,
}
"""By the group of faults that they are nearest to."""
