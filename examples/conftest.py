# SPDX-License-Identifier: Apache-2.0
"""The set-up of all examples, in one place: the plugins that give a suite its benches, its guests and its report."""

from __future__ import annotations

pytest_plugins = ["harness.report.recorder", "fixtures.plugin"]
