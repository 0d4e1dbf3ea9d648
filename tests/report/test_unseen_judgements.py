# SPDX-License-Identifier: Apache-2.0
"""Where judgements cannot be seen, because of pytest's options or the interpreter's, nothing is judged."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import programs
from tests.report.recorded_suite import Session, Suite

MakeSuite = Callable[[str], Suite]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--assert=plain"], "cannot be counted"),
        (["-p", "no:assertion"], "cannot be counted"),
        (["-p", "no:harness-judgement-keeper"], "takes away what the verdict of a run depends on"),
        (["-p", "no:harness-selection"], "takes away what the verdict of a run depends on"),
        (["-p", "no:harness-run-recorder"], "takes away what the verdict of a run depends on"),
        (["-p", "no:python"], "takes away what the verdict of a run depends on"),
    ],
)
def test_a_run_whose_judgements_cannot_be_seen_is_refused(
    make_suite: MakeSuite, options: list[str], words: str
) -> None:
    session = make_suite("def test_a(bench): assert bench").run(*options)
    assert session.status in (3, pytest.ExitCode.USAGE_ERROR)
    assert words in session.output
    assert "Traceback" not in session.output


@pytest.mark.parametrize(
    ("flags", "variable"), [(["-O"], ""), (["-OO"], ""), ([], "1"), ([], "2"), (["-O", "-W", "error"], "")]
)
def test_an_interpreter_that_drops_assertions_is_refused(
    make_suite: MakeSuite, flags: list[str], variable: str
) -> None:
    suite = make_suite("def test_a(bench): assert bench")
    command = suite.command()
    run = programs.run(
        [command[0], *flags, *command[1:]],
        cwd=suite.folder,
        env=os.environ | {"PYTHONOPTIMIZE": variable, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode in (3, pytest.ExitCode.USAGE_ERROR), run.stdout + run.stderr
    assert "assertions are disabled" in run.stdout + run.stderr
    assert "passed" not in run.stdout


@pytest.mark.parametrize(
    "words",
    [
        ["-O", "-m", "harness", "qualify"],
        ["-OO", "-m", "harness", "prove", "--short"],
        ["-O", "-m", "harness", "replay", "steps.txt"],
        ["-OO", "-m", "harness", "check-target", "--live", "x.yaml"],
    ],
)
def test_commands_that_judge_refuse_it_too(tmp_path: Path, words: list[str]) -> None:
    run = programs.run(
        [sys.executable, *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 3
    assert "assertions are disabled" in run.stderr


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONDONTWRITEBYTECODE": "1"},
        {"PYTHONWARNINGS": "error::UserWarning"},
        {"PYTHONPATH": str(Path(__file__).parents[2])},
    ],
)
def test_other_modes_of_the_interpreter_judge_the_same(make_suite: MakeSuite, variables: dict[str, str]) -> None:
    suite = make_suite('def test_a(bench): assert bench == "left"')
    programs.run(
        suite.command(),
        cwd=suite.folder,
        env=os.environ | variables,
        capture_output=True,
        check=False,
    )
    verdicts = Session(0, "", suite.latest).verdicts()
    assert verdicts == {"test_a[left]": "pass", "test_a[right]": "fail"}
