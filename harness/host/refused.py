# SPDX-License-Identifier: Apache-2.0
"""Trouble of a host that another try does not mend."""

from __future__ import annotations

from harness.errors import BenchError


class HostRefusesError(BenchError):
    """The host, or our own check of it, said no, and will say no again, also after a power cycle."""
