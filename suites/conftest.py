# SPDX-License-Identifier: Apache-2.0
"""The suites' plugins: what runs where, and what is written down about it."""

from __future__ import annotations

pytest_plugins = ["harness.report.recorder", "fixtures.plugin"]
