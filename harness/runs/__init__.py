# SPDX-License-Identifier: Apache-2.0
"""pytest sessions that a command starts: side by side, kept from their surroundings, and one report of them all."""
