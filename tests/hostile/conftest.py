# SPDX-License-Identifier: Apache-2.0
"""A real emulated host with guests, as in tests/emulator."""

from tests.emulator.conftest import bench

__all__ = ["bench"]
