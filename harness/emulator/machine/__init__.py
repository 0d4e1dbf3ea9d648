# SPDX-License-Identifier: Apache-2.0
"""Machines that stock QEMU can be, described in the words of a qvm configuration."""

from harness.emulator.machine.placement import Placement
from harness.emulator.machine.plan import Console, Plan, plan

__all__ = ["Console", "Placement", "Plan", "plan"]
