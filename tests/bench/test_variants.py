# SPDX-License-Identifier: Apache-2.0
"""Suites about interrupts and PCI on the embedded benches that lack what nobody has promised of a real host."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import shipped
from tests.bench import shipped_suites

_FILE = shipped.TARGETS / "qemu-variants.yaml"
_SUITES = ("suites/notification/test_wired_lines.py", "suites/placement/test_pci.py")


@pytest.mark.long
@pytest.mark.parametrize("bench", ["qemu-x86_64-no-msi", "qemu-x86_64-pc"])
def test_the_device_is_found_and_interrupts(tmp_path: Path, bench: str) -> None:
    done = shipped_suites.run(_FILE, bench, _SUITES, tmp_path / "report", "-q", "--no-header")
    assert done.returncode == 0, done.stdout
    assert "qualification: PARTIAL" in done.stdout
