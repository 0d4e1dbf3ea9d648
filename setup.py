# SPDX-License-Identifier: Apache-2.0
"""Puts the suites and what they need into the built package. All else about it stands in pyproject.toml."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

CHECKOUT = Path(__file__).resolve().parent
# harness/shipped.py finds them there.
PLACE = "harness/_shipped"
SHIPPED = ("boards.yaml", "fixtures", "pyproject.toml", "suites", "targets")
COMMIT = "COMMIT"
UNWANTED = shutil.ignore_patterns("__pycache__", "*.pyc")


def commit() -> str:
    """The commit of the checkout; a source archive has it in a file. Empty where nobody knows."""
    if (CHECKOUT / COMMIT).is_file():
        return (CHECKOUT / COMMIT).read_text().strip()
    if not (CHECKOUT / ".git").exists():
        return ""

    # A hook's variables would lead git to another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(CHECKOUT), *words], capture_output=True, text=True, check=True, env=environment
        ).stdout.strip()

    try:
        changes = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + "+changes" * bool(changes)
    except (OSError, subprocess.CalledProcessError):
        return ""


class Build(build_py):
    """The package, with a copy of the suites. An editable one uses those of the checkout."""

    def run(self) -> None:
        """Begin with an empty folder: what an earlier build left there would be in the package."""
        if not self.editable_mode:
            shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        if not self.editable_mode:
            self._ship(Path(self.build_lib) / PLACE)

    def _ship(self, place: Path) -> None:
        place.mkdir()
        for name in SHIPPED:
            if (CHECKOUT / name).is_dir():
                shutil.copytree(CHECKOUT / name, place / name, ignore=UNWANTED)
            else:
                shutil.copy(CHECKOUT / name, place / name)
        (place / COMMIT).write_text(commit())


class SourceArchive(sdist):
    """The source archive, which says of which commit it is."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        """Add the file to the tree that is packed."""
        super().make_release_tree(base_dir, files)
        (Path(base_dir) / COMMIT).write_text(commit())


setup(cmdclass={"build_py": Build, "sdist": SourceArchive})
