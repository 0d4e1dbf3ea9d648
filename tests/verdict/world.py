# SPDX-License-Identifier: Apache-2.0
"""A clean world: a copy of this checkout in one commit, and a suite in a repository of its own whose run is a PASS."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests import guestless, programs

CHECKOUT: Final = Path(__file__).parents[2]

_CONFTEST = f'pytest_plugins = ["harness.report.recorder", "fixtures.plugin"]\n{guestless.CONFTEST}'
_INI = "[pytest]\naddopts = --strict-markers\njunit_family = xunit1\n"
_TESTS = """\
import pytest

@pytest.mark.requirement("SHM-ALLOW-01")
def test_1(bench, evidence):
    (evidence / "seen.txt").write_text("what was seen")
    assert bench.name

@pytest.mark.requirement("SHM-ALLOW-02")
def test_2(bench):
    assert bench.name
"""
_HOST = """\
import importlib.util

spec = importlib.util.spec_from_file_location("fake_bench", "{fake}")
fake_bench = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fake_bench)


def _inject(self, fault, **arguments):
    pass


fake_bench.ShmemFakeHostDriver.inject = _inject
fake_bench.ShmemFakeHostDriver.capabilities = frozenset(["faults"])
"""
_TARGET = """\
  {name}:
    drivers: {{ShmemFakeHostDriver: {{}}, ShmemBenchStrategy: {{}}}}
    options:
      architecture: x86_64
      profile: "7.0"
      placements: [pci]
      guest_images: [probe]
      ways: [serial]
      templates: templates
      scope: {{name: bare allow, requirements: [SHM-ALLOW-01, SHM-ALLOW-02]}}
"""


@dataclass(frozen=True)
class Ran:
    """A run that has ended."""

    status: int
    said: str
    folder: Path

    @property
    def verdict(self) -> str:
        """The word of the last line."""
        lines = [line for line in self.said.splitlines() if line.startswith("qualification: ")]
        return lines[-1].split()[1] if lines else ""

    @property
    def results(self) -> dict[str, Any]:
        """results.json as any other tool reads it."""
        found: dict[str, Any] = json.loads((self.folder / "results.json").read_text())
        return found

    @property
    def page(self) -> str:
        """The first page, with the marks of HTML's text as they are read."""
        return (self.folder / "index.html").read_text().replace("&#39;", "'").replace("&#34;", '"')


@dataclass
class World:
    """The folder of the suite, and that of the harness which runs it."""

    folder: Path
    harness: Path
    environment: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, text: str) -> Path:
        """Write a file of the suite."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def edit(self, name: str, old: str, new: str, times: int = 1) -> None:
        """Change a text in a file of the suite that has it."""
        text = (self.folder / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new, times))

    def build(self) -> None:
        """Make the suite and commit it."""
        self.write("conftest.py", _CONFTEST)
        self.write("pytest.ini", _INI)
        self.write("test_it.py", _TESTS)
        self.write("templates/none", "")
        self.write("host.py", _HOST.format(fake=CHECKOUT / "tests/bench/fake_bench.py"))
        self.write(".gitignore", "reports/\n__pycache__/\n.pytest_cache/\nfake.log\nignored_*\n")
        self.targets()
        git(self.folder, "init", "-q")
        self.commit()

    def targets(self, options: str = "") -> None:
        """Write the environment file; ``options`` are further ones of each target."""
        more = f"      {options}\n" if options else ""
        targets = "".join(_TARGET.format(name=name) + more for name in ("left", "right"))
        self.write("boards.yaml", f"imports: [harness.labgrid, host.py]\ntargets:\n{targets}")

    def commit(self) -> None:
        """Commit the suite as it is."""
        git(self.folder, "add", ".")
        git(self.folder, "commit", "-q", "-m", "as it is")

    def pytest(self, *options: str) -> Ran:
        """One session of all benches."""
        return self._run("-m", "pytest", "--lg-env", "boards.yaml", "-p", "no:hypothesispytest", *options)

    def qualify(self, *options: str) -> Ran:
        """A session for each bench."""
        return self._run("-m", "harness", "qualify", "test_it.py", *options)

    def command(self, *words: str) -> Ran:
        """Another command of the harness."""
        return self._run("-m", "harness", *words)

    def _run(self, *words: str) -> Ran:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("LG_", "PYTEST_"))}
        more = {"PYTHONPATH": str(self.harness), "FAKE_LOG": str(self.folder / "fake.log")}
        done = programs.run(
            [sys.executable, *words],
            cwd=self.folder,
            env={**inherited, **more, **self.environment},
            capture_output=True,
            text=True,
        )
        return Ran(done.returncode, done.stdout + done.stderr, (self.folder / "reports/latest").resolve())


def git(folder: Path, *words: str) -> str:
    """What git says."""
    author = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    return programs.run(["git", "-C", str(folder), *author, *words], capture_output=True, text=True, check=True).stdout


def committed_copy(folder: Path) -> Path:
    """The files of this checkout, as they are now, in one commit of a repository of their own."""
    listed = git(CHECKOUT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        if (CHECKOUT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CHECKOUT / name, folder / name)
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "as it is")
    return folder
