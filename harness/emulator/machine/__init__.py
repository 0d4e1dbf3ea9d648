# SPDX-License-Identifier: Apache-2.0
"""The virtual machine: what stock QEMU can be in the words of a qvm configuration, and one running guest."""

from harness.emulator.machine.placement import Placement
from harness.emulator.machine.plan import Console, Plan, plan

__all__ = ["Console", "Placement", "Plan", "plan"]
