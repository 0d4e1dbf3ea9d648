# SPDX-License-Identifier: Apache-2.0
"""Faults that nobody chose: mechanical changes of the emulated device's sources, one at a time."""
