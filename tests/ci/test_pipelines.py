# SPDX-License-Identifier: Apache-2.0
"""The pipelines call the same commands, and nothing that a person could not type in a checkout."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from harness.cli import commands, load
from harness.measure.history import FILE
from tests import programs
from tests.ci import pipelines
from tests.ci.pipelines import GITHUB, GITLAB, JENKINS, PIPELINES, ROOT
from tests.verdict.world import CHECKOUT, World, committed_copy

HARNESS = ".venv/bin/harness"
ALL = sorted({command for pipeline in PIPELINES for command in pipelines.commands(pipeline)})
# What a run that the clock has started does as well; what Jenkins alone does, once a week, because it has the time.
NIGHTLY = (f"{HARNESS} bench --out figures", f"{HARNESS} archive reports/prove-* --out reports/prove-kept")
WEEKLY = ("make venv-dev provision", f'{HARNESS} prove --mutants 500 --seed "$BUILD_NUMBER" --out reports')


def _ours(pipeline: str) -> list[str]:
    return [command for command in pipelines.commands(pipeline) if command.startswith(("make ", HARNESS))]


@pytest.mark.parametrize("command", ALL)
def test_command_exists(command: str) -> None:
    programs.run(["sh", "-n", "-c", command], check=True)
    program, *arguments = shlex.split(command.replace("$LENGTH", "--nightly").replace("$BUILD_NUMBER", "7"))
    if program == "make":
        _check_make(arguments)
    elif program == HARNESS:
        _check_harness(*arguments)
    else:
        assert program == "apt-get" or shutil.which(program)


def _check_make(targets: list[str]) -> None:
    done = programs.run(
        ["make", "--dry-run", "--no-print-directory", *targets], cwd=ROOT, capture_output=True, text=True
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


@pytest.mark.parametrize("pipeline", [GITHUB, GITLAB])
def test_all_servers_call_the_same(pipeline: str) -> None:
    ours = [command for command in _ours(JENKINS) if command not in WEEKLY]
    order = {command: ours.index(command) for command in _ours(pipeline)}
    assert set(order) == set(ours)


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_the_qualification_is_of_all_benches(pipeline: str) -> None:
    (command,) = [command for command in _ours(pipeline) if "harness qualify" in command]
    assert not {"--bench", "-k"} & set(shlex.split(command))


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_the_history_of_figures_goes_from_night_to_night(pipeline: str) -> None:
    """It is fetched before the figures are taken and kept after, from where the command writes it."""
    text = (ROOT / pipeline).read_text()
    assert NIGHTLY[0] in _ours(pipeline)
    before, after = text.split(NIGHTLY[0])
    kept = f"figures/{FILE}"
    assert kept in before
    # What GitLab fetches it keeps as well.
    assert kept in after or pipeline == GITLAB


@pytest.mark.long
@pytest.mark.parametrize("pipeline", PIPELINES)
def test_the_commands_work_one_after_the_other(pipeline: str, tmp_path: Path) -> None:
    """Twice, as on two nights, in a small world: its suite is named in place of the harness's own."""
    world = World(tmp_path / "suite", committed_copy(tmp_path / "harness"))
    world.build()
    program = world.write(HARNESS, f'#!/bin/sh\nexec "{sys.executable}" -m harness "$@"\n')
    program.chmod(0o755)
    world.write(".git/info/exclude", ".venv\nhistory\nartefacts\n")
    environment = {**os.environ, "PYTHONPATH": str(world.harness), "FAKE_LOG": str(tmp_path / "log")}
    elsewhere = (*WEEKLY, *NIGHTLY)
    lines = [command for command in _ours(pipeline) if command.startswith(HARNESS) and command not in elsewhere]
    assert len(lines) == 3
    said = []
    for night in range(2):
        shutil.rmtree(world.folder / "artefacts", ignore_errors=True)
        if night:
            world.edit("test_it.py", "assert bench.name", "assert bench.name == 'left'")
            world.commit()
        for line in lines:
            command = line.replace("$LENGTH", "--nightly test_it.py")
            done = programs.run(
                ["sh", "-c", command], cwd=world.folder, env=environment, capture_output=True, text=True
            )
            expected = 1 if night and "qualify" in line else 0
            assert done.returncode == expected, f"{command}\n{done.stdout}{done.stderr}"
            said.append(done.stdout)
    assert said[-1].startswith("FAIL, was PASS: new failure: SHM-ALLOW-01 on right (since "), said[-1]
    assert (world.folder / "artefacts/junit.xml").is_file()
    assert len(list((world.folder / "history").iterdir())) == 2
    assert CHECKOUT == ROOT
