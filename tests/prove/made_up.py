# SPDX-License-Identifier: Apache-2.0
"""A made-up suite, proven by the real command: what its tests find depends on the name of the fault alone."""

from __future__ import annotations

import json
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import programs

CHECKOUT = Path(__file__).parents[2]
SECONDS = programs.PATIENCE

_CONFTEST = """
import pytest
pytest_plugins = ["harness.report.recorder", "fixtures.plugin"]

@pytest.fixture
def fault(pytestconfig):
    return pytestconfig.option.fault
"""


@dataclass(frozen=True)
class ProofRun:
    """A command that has ended."""

    status: int
    output: str
    folder: Path

    @property
    def proof(self) -> dict[str, Any]:
        """The content of prove.json."""
        (path,) = self.folder.glob("prove-*/prove.json")
        data: dict[str, Any] = json.loads(path.read_text())
        return data

    @property
    def outcomes(self) -> dict[str, str]:
        """Outcome by fault."""
        return {proof["fault"]: proof["outcome"] for proof in self.proof["proofs"]}

    @property
    def page(self) -> str:
        """The page that shows the proof."""
        (path,) = self.folder.glob("prove-*/index.html")
        return path.read_text()


@dataclass(frozen=True)
class MadeUp:
    """A suite in a folder of its own."""

    folder: Path

    @classmethod
    def of(cls, folder: Path, tests: str) -> MadeUp:
        """The suite with these tests; ``fault`` is a fixture in it."""
        (folder / "conftest.py").write_text(_CONFTEST)
        (folder / "pytest.ini").write_text("[pytest]\njunit_family = xunit1\n")
        text = "import pytest\nfrom harness.errors import BenchError\nneeds = pytest.mark.requirement\n"
        (folder / "test_it.py").write_text(text + textwrap.dedent(tests))
        return cls(folder)

    def command(self, *options: str) -> list[str]:
        """``harness prove`` of this suite."""
        place = ["--suite", str(self.folder), "--out", str(self.folder / "out")]
        return [sys.executable, "-m", "harness", "prove", *place, *options]

    def prove(self, *options: str) -> ProofRun:
        """Run the command to its end."""
        done = programs.run(
            self.command(*options), cwd=CHECKOUT, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        return ProofRun(done.returncode, done.stdout + done.stderr, self.folder / "out")


def faults(*names: str) -> list[str]:
    """The options that select these faults."""
    return [word for name in names for word in ("--select", name)]
