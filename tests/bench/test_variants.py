# SPDX-License-Identifier: Apache-2.0
"""Suites about interrupts and PCI on the embedded benches that lack what nobody has promised of a real host."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from harness import shipped
from tests import programs
from tests.bench.mini_suite import CHECKOUT

_FILE = shipped.TARGETS / "qemu-variants.yaml"
_SUITES = ("suites/notification/test_wired_lines.py", "suites/placement/test_pci.py")


@pytest.mark.long
@pytest.mark.parametrize("bench", ["qemu-x86_64-no-msi", "qemu-x86_64-pc"])
def test_the_device_is_found_and_interrupts(tmp_path: Path, bench: str) -> None:
    done = programs.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--no-header"),
            *("--lg-env", _FILE, "--bench", bench, "--report-dir", tmp_path / "report", *_SUITES),
        ],
        cwd=CHECKOUT,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stdout
    assert "qualification: PARTIAL" in done.stdout
