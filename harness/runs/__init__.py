# SPDX-License-Identifier: Apache-2.0
"""Parallel pytest sessions that a command starts, isolated from their surroundings, and one report of them all."""
