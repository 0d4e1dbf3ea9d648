# SPDX-License-Identifier: Apache-2.0
"""Real pytest sessions with the recorder, each in a process and a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.report.evidence import reader
from harness.report.evidence.model import Report
from tests import guestless, programs

SECONDS = programs.PATIENCE
_OPTIONS = ("--requirements", "requirements.sdoc")

_CONFTEST = (
    """
import pytest
from harness.report.evidence.journal import ScopeSet
from harness.report.evidence.model import BenchScope
from harness.report.recording.keys import BENCH, SCOPE, BenchFacts
from harness.site import Site
pytest_plugins = ["harness.report.recorder"]

BENCHES = {"left": "x86_64", "right": "aarch64"}
READINGS = {"tail": "deny", "anchor": "start", "syntax": "glob", "unseen": "yes"}

def pytest_sessionstart(session):
    names = ["TST-REQ-01"]
    session.config.stash[SCOPE] = ScopeSet([BenchScope(name, "device", "7.0", "the first", names) for name in BENCHES])

def pytest_generate_tests(metafunc):
    if "bench" in metafunc.fixturenames:
        metafunc.parametrize("bench", list(BENCHES), indirect=True)

def pytest_collection_modifyitems(items):
    for item in items:
        name = item.callspec.params.get("bench", "left") if hasattr(item, "callspec") else "left"
        item.stash[BENCH] = BenchFacts(Site(name, BENCHES[name], "pci", "probe", "console"), readings=READINGS)

@pytest.fixture
def bench(request):
    return request.param
"""
    + guestless.CONFTEST
)

_REQUIREMENT = """
[REQUIREMENT]
UID: {name}
RELEASES: 7.0
CONFIDENCE: {confidence}
KIND: {kind}
SOURCE: nowhere
STATEMENT: Something holds.
"""
_CATALOGUE = "".join(
    [_REQUIREMENT.format(name=f"TST-REQ-0{n}", confidence="documented", kind="judge") for n in range(1, 9)]
    + [_REQUIREMENT.format(name="TST-REC-07", confidence="open", kind="characterise")]
)


@dataclass(frozen=True)
class Session:
    """A session that has ended."""

    status: int
    output: str
    folder: Path

    @property
    def report(self) -> Report:
        """What is in its results.json."""
        return reader.read(self.folder)

    @property
    def raw(self) -> dict[str, Any]:
        """results.json as any other tool reads it."""
        data: dict[str, Any] = json.loads((self.folder / "results.json").read_text())
        return data

    def verdicts(self) -> dict[str, str]:
        """Verdict by name of the test."""
        return {case.test.partition("::")[2]: case.verdict for case in self.report.cases}


@dataclass(frozen=True)
class Suite:
    """A folder with tests, ready to run. ``environment`` are further variables."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, text: str) -> Path:
        """Write a file next to the tests."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    def command(self, *options: str) -> list[str]:
        """The command that runs it, with the report below ``folder/reports``."""
        return [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-o",
            "junit_family=xunit1",
            *_OPTIONS,
            ".",
            *options,
        ]

    def start(self, *options: str) -> programs.Program[str]:
        """Start it; its output goes to a pipe."""
        return programs.Program(
            self.command(*options),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.variables(),
        )

    def variables(self) -> dict[str, str]:
        """The variables of the session: those of this process without what speaks to pytest."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        return {**inherited, "COLUMNS": "200", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **self.environment}

    def run(self, *options: str) -> Session:
        """Run it to its end."""
        process = self.start(*options)
        try:
            output, _ = process.communicate(timeout=programs.PATIENCE)
        finally:
            process.end()
        return Session(process.returncode, output, self.latest)

    def run_paths(self, *paths: str) -> Session:
        """Run these files of it alone."""
        command = [word for word in self.command(*paths) if word != "."]
        done = programs.run(
            command,
            cwd=self.folder,
            capture_output=True,
            text=True,
            env=self.variables(),
            check=False,
        )
        return Session(done.returncode, done.stdout, self.latest)

    def refused(self, *options: str) -> str:
        """Run it, see that it is refused without a report, and return what it said."""
        process = self.start(*options)
        output, _ = process.communicate(timeout=programs.PATIENCE)
        assert process.returncode not in (0, 1), output
        assert not (self.folder / "reports").exists()
        assert "Traceback" not in output
        return output

    @property
    def latest(self) -> Path:
        """The folder of its newest run."""
        return (self.folder / "reports" / "latest").resolve()


def make(folder: Path, source: str) -> Suite:
    """Write the source of tests into ``folder``; ``bench`` is a fixture in it, with the benches left and right."""
    (folder / "conftest.py").write_text(_CONFTEST)
    (folder / "requirements.sdoc").write_text(_CATALOGUE)
    (folder / "test_it.py").write_text("import pytest\n" + textwrap.dedent(source))
    return Suite(folder)
