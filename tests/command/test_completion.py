# SPDX-License-Identifier: Apache-2.0
"""What a shell completes, and what the command says of itself."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from harness import commit
from tests import programs

CHECKOUT = Path(__file__).parents[2]
COMPLETED = """
source /dev/stdin
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_shtab_harness harness "${{COMP_WORDS[-1]}}" "${{COMP_WORDS[-2]}}"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def harness(*words: str) -> str:
    done = programs.run([sys.executable, "-m", "harness", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


@pytest.fixture(scope="module")
def script() -> str:
    return harness("completion", "bash")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("harness q", ["qualify"]),
        ("harness che", ["check-target"]),
        ("harness qualify --ben", ["--bench"]),
        ("harness boot-time --arch a", ["aarch64"]),
        ("harness qualify --lg-env boards.y", ["boards.yaml"]),
    ],
)
def test_bash_completes_commands_options_choices_and_files(script: str, words: str, expected: list[str]) -> None:
    shell = ["bash", "-c", COMPLETED.format(words=words)]
    done = programs.run(shell, input=script, cwd=CHECKOUT, capture_output=True, text=True)
    assert done.stdout.split() == expected, done.stderr


def test_the_version_names_the_commit() -> None:
    assert harness("--version") == f"shmem-harness {version('shmem-harness')} ({commit.in_words()})\n"
