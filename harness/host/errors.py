# SPDX-License-Identifier: Apache-2.0
"""Errors of a host."""

from __future__ import annotations

from harness.errors import BenchError


class PermanentHostError(BenchError):
    """An error that neither a retry nor a power cycle can solve: a setting is wrong or a login is rejected."""
