# SPDX-License-Identifier: Apache-2.0
"""A run of tests of one's own on a board, by a real pytest process with the plugins of the suites."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from tests import programs
from tests.boards.lab import CHECKOUT, Lab

_SECONDS = programs.PATIENCE


class Session:
    """Write tests with ``test``, then ``run`` or ``start`` them."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.folder = folder
        self._lab = lab
        self._lines = ["import os, pathlib, pytest", "from harness.errors import BenchError"]
        self._count = 0
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("LG_", "PYTEST_"))
        } | {"PYTHONPATH": str(CHECKOUT), "BOARD": str(lab.folder)}

    def test(self, name: str, body: str) -> None:
        """A test that may use the fixture ``deploy``. Its requirement is one of the catalogue, whichever."""
        lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
        self._count += 1
        mark = f'@pytest.mark.requirement("SHM-ALLOW-{self._count:02}")'
        self._lines.append(f"\n{mark}\ndef test_{name}(deploy):\n{lines}")

    def _command(self, tests: list[str]) -> list[str]:
        (self.folder / "pytest.ini").write_text("[pytest]\njunit_family = xunit1\n")
        (self.folder / "conftest.py").write_text('pytest_plugins = ["harness.report.recorder", "fixtures.plugin"]\n')
        (self.folder / "test_on_board.py").write_text("\n".join(self._lines))
        if not self._lab.known_hosts.exists():
            self._lab.trust()
        options = ["--lg-env", str(self._lab.file()), "--report-dir", "reports"]
        return [*programs.PYTEST, *options, *tests]

    def run(self, *tests: str) -> subprocess.CompletedProcess[str]:
        """Run to the end; with paths, those tests instead of the ones written here."""
        return programs.run(
            self._command(list(tests)),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )

    def start(self) -> subprocess.Popen[str]:
        """Start and return at once."""
        return programs.Program(
            self._command([]),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def results(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "reports/latest/results.json").read_text())
        return found

    @property
    def verdicts(self) -> dict[str, str]:
        """Verdict per test."""
        found = re.compile(r"::test_(\w+)")
        return {found.findall(entry["test"])[0]: entry["verdict"] for entry in self.results["results"]}
