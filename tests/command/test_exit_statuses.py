# SPDX-License-Identifier: Apache-2.0
"""All commands end with the same statuses, and those that scripts call print JSON when they are asked to."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Final

import pytest

from harness.cli import commands, load, main

NOTHING: Final = "no-such-thing"
# Words with which a command is asked for something that is not there.
MISSING: Final = {
    "archive": [NOTHING, "--out", NOTHING],
    "audit": [NOTHING],
    "bench": ["--lg-env", NOTHING],
    "boot-time": ["--rounds", "0"],
    "check-target": [NOTHING],
    "compare": [NOTHING, NOTHING],
    "completion": [NOTHING],
    "doctor": [NOTHING],
    "explain": [NOTHING, "--name", "a"],
    "lint": [NOTHING],
    "linux": ["true", "--recipe", NOTHING],
    "merge": [NOTHING],
    "new-target": [NOTHING],
    "on-place": ["true"],
    "prove": ["--lg-env", NOTHING],
    "provision": ["--arch", NOTHING],
    "qualify": [NOTHING],
    "replay": [NOTHING],
    "report": [NOTHING],
    "sign": [NOTHING, "--key", NOTHING],
    "verify": [NOTHING],
}
# These make something, speak with a person, or pass on what another program says.
WITHOUT_JSON: Final = {
    "archive",  # its one line is for the description of a build
    "boot-time",
    "completion",
    "linux",
    "new-target",
    "on-place",
    "prove",  # prove.json
    "replay",
    "sign",
}


def _status(*words: str) -> int:
    try:
        return main(list(words))
    except SystemExit as error:
        return int(error.code or 0)


@pytest.mark.parametrize("command", commands())
def test_wrong_use_is_3_and_help_is_0(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _status(command, "--help") == 0
    assert capsys.readouterr().err == ""
    assert _status(command, "--no-such-option") == 3
    assert _status(command, *MISSING[command]) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert f"harness {command}: error: " in said.err
    assert "Traceback" not in said.err
    assert "internal error" not in said.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", sorted({*commands()} - WITHOUT_JSON))
def test_commands_that_scripts_call_have_json(command: str) -> None:
    parser = argparse.ArgumentParser()
    load(command).add_arguments(parser)
    assert "--json" in parser.format_help()


def test_json_of_files_and_of_the_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "desk.yaml"
    target.write_text("targets: {}\n")
    assert _status("check-target", str(target), "--json") == 1
    (problem, *_) = json.loads(capsys.readouterr().out)
    assert (problem["file"], problem["warning"]) == (str(target), False)
    assert _status("doctor", "--json") in (0, 2)
    assert {"name", "state", "found", "remedy"} == set(json.loads(capsys.readouterr().out)[0])
