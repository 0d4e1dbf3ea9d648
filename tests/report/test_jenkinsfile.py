# SPDX-License-Identifier: Apache-2.0
"""The pipeline calls nothing that a person could not type in a checkout."""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
from pathlib import Path

import pytest

from harness.cli import commands, load
from tests import programs

ROOT = Path(__file__).resolve().parents[2]
PIPELINE = (ROOT / "Jenkinsfile").read_text()
COMMANDS = re.findall(r"\bsh(?:\(script:)? '([^'\n]+)'", PIPELINE)


def test_every_call_of_a_shell_is_seen_here() -> None:
    code = re.sub(r"//.*", "", PIPELINE)
    assert len(COMMANDS) == len(re.findall(r"\bsh\b", code))
    assert len(COMMANDS) >= 4


@pytest.mark.parametrize("command", COMMANDS)
def test_command_exists(command: str) -> None:
    programs.run(["sh", "-n", "-c", command], check=True)
    program, *arguments = shlex.split(command.replace("$LENGTH", "--nightly").replace("$BUILD_NUMBER", "7"))
    if program == "make":
        _check_make(arguments)
    elif program == ".venv/bin/harness":
        _check_harness(*arguments)
    else:
        assert shutil.which(program)


def _check_make(targets: list[str]) -> None:
    done = programs.run(
        ["make", "--dry-run", "--no-print-directory", *targets],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # A folder of that name is no target.
    assert "Nothing to be done" not in done.stdout


def _check_harness(command: str, *options: str) -> None:
    assert command in commands()
    parser = argparse.ArgumentParser(exit_on_error=False)
    load(command).add_arguments(parser)
    _, unknown = parser.parse_known_args(options)
    assert not unknown


def test_the_qualification_is_of_all_benches() -> None:
    (command,) = [command for command in COMMANDS if "harness qualify" in command]
    assert not {"--bench", "-k"} & set(shlex.split(command))


def test_every_exit_status_of_a_qualification_is_judged() -> None:
    body = PIPELINE.partition("def judge(")[2].partition("\n}\n")[0]
    assert set(re.findall(r"status [!=]= (\d)", body)) == {"0", "1", "2", "4"}


@pytest.mark.parametrize(
    "word",
    [
        "disableConcurrentBuilds()",
        "buildDiscarder(",
        "cron('H 2 * * *')",
        "keepProperties: true",
        "allowEmptyResults: false",
        "fingerprint: true",
        "keepAll: true",
        "alwaysLinkToLastBuild: true",
        "cleanup {",
    ],
)
def test_pipeline_keeps_its_promises(word: str) -> None:
    assert word in PIPELINE


def test_every_stage_that_works_has_a_time_limit() -> None:
    stages = re.split(r"\bstage\('", PIPELINE)[1:]
    working = [stage for stage in stages if re.search(r"\bsh\b", stage.partition("post {")[0])]
    assert len(working) == 5
    assert all("timeout(time:" in stage for stage in working)
