# SPDX-License-Identifier: Apache-2.0
"""A named pipe in the place of a file or folder: nobody writes to it, so a command that opens it would never end."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cli import commands, load
from harness.process.command import path, source
from tests import programs
from tests.command.shell import CHECKOUT

_SECONDS = 120.0
_SKIPPED = frozenset({"prove", "provision"})
"""They take minutes before they write, and read no file that is named."""


def _uses() -> Iterator[tuple[str, ...]]:
    """Each command with a pipe for each of its paths; the other words that it must have are anything."""
    for command in commands():
        parser = argparse.ArgumentParser()
        load(command).add_arguments(parser)
        actions = parser._actions  # There is no other list of them.
        needed = [each for each in actions if each.required and each.nargs not in ("*", "?")]
        for action in actions if command not in _SKIPPED else []:
            if action.type in (path, source):
                words = [*needed, *([] if action in needed else [action])]
                yield (command, *(word for each in words for word in _words(each, action)))


def _words(action: argparse.Action, piped: argparse.Action) -> list[str]:
    value = "pipe" if action is piped or action.type in (path, source) else "x"
    return [*action.option_strings[:1], value]


def _ended(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return programs.run(
        words,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("pipes")
    os.mkfifo(made / "pipe")
    return made


@pytest.mark.parametrize("words", sorted(set(_uses())), ids=" ".join)
def test_a_command_that_is_given_a_pipe_ends(folder: Path, words: tuple[str, ...]) -> None:
    run = _ended(folder, sys.executable, "-m", "harness", *words)
    assert run.returncode in (1, 2, 3), run.stdout + run.stderr
    assert "Traceback" not in run.stderr


def test_the_pipes_of_a_shell_can_be_read(folder: Path) -> None:
    run = _ended(folder, "bash", "-c", f"{sys.executable} -m harness check-target <(echo 'targets: {{}}')")
    assert "is a named pipe" not in run.stderr
    assert run.returncode in (0, 1), run.stderr
