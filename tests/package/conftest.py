# SPDX-License-Identifier: Apache-2.0
"""The package, built from the files that git knows, and installed in an environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import programs

CHECKOUT = Path(__file__).parents[2]
SECONDS = 600


def run(command: list[str], folder: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, as in a plain shell. What it said is one text."""
    dropped = ("LG_", "PYTEST_", "PYTHON")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return programs.run(
        command, cwd=folder, env=inherited | options.pop("environment", {}), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=SECONDS, **options,
    )  # fmt: skip


@dataclass
class Team:
    """A folder of a team: nothing is in it but a virtual environment."""

    folder: Path

    @property
    def packages(self) -> Path:
        (found,) = (self.folder / ".venv/lib").glob("python3*/site-packages")
        return found

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def run(self, *words: str, status: int = 0, **variables: str) -> str:
        """Run a program of the virtual environment."""
        command = [str(self.folder / ".venv/bin" / words[0]), *words[1:]]
        done = run(command, self.folder, environment=variables)
        assert done.returncode == status, done.stdout
        return done.stdout

    def installed(self) -> set[str]:
        """All files of the installed package."""
        return {str(path.relative_to(self.packages)) for path in (self.packages / "harness").rglob("*")}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``pip wheel`` makes of the files that git knows."""
    folder = tmp_path_factory.mktemp("wheel")
    listed = programs.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    for name in listed.split("\0")[:-1]:
        if (CHECKOUT / name).exists():
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CHECKOUT / name, folder / "source" / name)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    built = run([*pip, "--wheel-dir", str(folder), "./source"], folder)
    assert built.returncode == 0, built.stdout
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture
def empty(tmp_path: Path) -> Team:
    """A folder with a virtual environment of nothing."""
    made = run([sys.executable, "-m", "venv", "--without-pip", ".venv"], tmp_path)
    assert made.returncode == 0, made.stdout
    return Team(tmp_path)


@pytest.fixture
def team(empty: Team, install: Callable[..., None]) -> Team:
    """A folder with the package, and with the dependencies of the environment that runs the tests."""
    install(empty.folder / ".venv", "--no-deps", "--no-index")
    # The finder of the editable package there is not asked: only the file of a real folder of packages is read.
    (empty.packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    program = empty.folder / ".venv/bin/pytest"
    program.write_text(f'#!/bin/sh\nexec "{program.with_name("python")}" -P -m pytest "$@"\n')
    program.chmod(0o755)
    return empty


@pytest.fixture
def install(wheel: Path) -> Callable[..., None]:
    """Installs the package into a virtual environment."""

    def into(environment: Path, *options: str) -> None:
        pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin/python"), "install", "--quiet"]
        done = run([*pip, *options, str(wheel)], environment)
        assert done.returncode == 0, done.stdout

    return into
