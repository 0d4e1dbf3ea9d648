# SPDX-License-Identifier: Apache-2.0
"""Runs suites of the harness on one bench of an environment file, in a session of their own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests import programs
from tests.bench.mini_suite import CHECKOUT


def run(
    environment: Path, bench: str, suites: Sequence[str], report: Path, *options: str
) -> subprocess.CompletedProcess[str]:
    """The session when it has ended, with what it said. Variables of the session around it do not reach it."""
    return programs.run(
        [*programs.PYTEST, *suites, "--lg-env", environment, "--bench", bench, "--report-dir", report, *options],
        cwd=CHECKOUT,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
        text=True,
        capture_output=True,
    )
