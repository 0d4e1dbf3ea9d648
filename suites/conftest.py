# SPDX-License-Identifier: Apache-2.0
"""The plugins of the suites: benches, fixtures and the recorder."""

from __future__ import annotations

pytest_plugins = ["harness.report.recorder", "fixtures.plugin"]
