# SPDX-License-Identifier: Apache-2.0
"""A target file that new-target writes is accepted by the check, for all answers."""

from __future__ import annotations

import itertools
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness.target.check import check
from harness.target.new import Answers, Console, Power, write
from tests import programs
from tests.boards.lab import CHECKOUT
from tests.boards.test_check_target import command

CONSOLES = ["/dev/ttyUSB0", "rfc2217://lab:4001", "raw://lab:4001", "none"]
POWERS = [
    ["network:gude:192.0.2.1:2"],
    ["command", "--power-on", "relay on", "--power-off", "relay off"],
    ["manual"],
    ["none"],
]


@pytest.mark.parametrize(("console", "power"), list(itertools.product(CONSOLES, POWERS)), ids=str)
def test_every_combination_of_answers_is_a_good_file(console: str, power: list[str], tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a key")
    (tmp_path / "key").chmod(0o600)
    words = dict(zip(power[1::2], power[2::2], strict=True))
    for arch in ("aarch64", "x86_64"):
        answers = Answers(
            name=f"board-{arch}",
            architecture=arch,
            release="8.0",
            console=Console.of(console),
            power=Power.of(power[0], words.get("--power-on", ""), words.get("--power-off", "")),
            address="192.0.2.7",
            key="key",
        )
        assert check(write(answers, tmp_path), filled_in=False) == []


def test_an_answer_is_taken_as_it_is_whatever_yaml_makes_of_its_characters(tmp_path: Path) -> None:
    answers = Answers(
        name="on",
        architecture="aarch64",
        release="8.0",
        console=Console.of("/dev/serial/by-id/a #1: b"),
        power=Power.of("command", "relay on #2", "sh -c 'echo a: b'"),
        address="no",
        user="{user}",
        key="my key: 1",
        password='"',
        boot=["[a, b]", "c\\d"],
    )
    file = write(answers, tmp_path)
    (tmp_path / answers.key).write_text("a key")
    (tmp_path / answers.key).chmod(0o600)
    assert check(file) == []
    target = yaml.safe_load(file.read_text())["targets"]["on"]
    resources, drivers = target["resources"], target["drivers"]
    assert resources["RawSerialPort"]["port"] == answers.console.port
    assert resources["NetworkService"] == {"address": "no", "username": "{user}"}
    assert drivers["ExternalPowerDriver"]["cmd_on"] == answers.power.on
    assert drivers["ExternalPowerDriver"]["cmd_off"] == answers.power.off
    assert drivers["ShmemQnxHostDriver"]["keyfile"] == answers.key
    assert drivers["ShmemBoardStrategy"]["password"] == '"'
    assert drivers["ShmemBoardStrategy"]["boot"] == answers.boot
    assert target["options"]["profile"] == "8.0"


def test_the_command_writes_a_checked_file_without_asking(tmp_path: Path) -> None:
    done = command(
        "new-target", "desk", "--arch", "aarch64", "--address", "192.0.2.7", "--folder", str(tmp_path), "--defaults"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert check(tmp_path / "desk.yaml", filled_in=False) == []
    left = check(tmp_path / "desk.yaml")
    assert [problem.text for problem in left] == ["FILL IN is left here: fill in the value, then remove the mark"] * 2
    assert f"({left[0].line} and {left[1].line})" in done.stdout
    assert "harness check-target --live" in done.stdout
    assert "boot: []  # FILL IN\n" in (tmp_path / "desk.yaml").read_text()
    assert (tmp_path / "desk/probe.qvmconf.j2").is_file()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "--arch is missing"),
        (["--arch", "aarch64", "--console", "ttyUSB0"], "not a console: 'ttyUSB0'"),
        (["--arch", "aarch64", "--power", "switch"], "not a power switch"),
        (["--arch", "aarch64", "--power", "command"], "needs both commands"),
        (["--arch", "aarch64", "--console", "none"], "the address cannot be found"),
        (["--arch", "mips"], "invalid choice"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_answers_are_wrong_use(options: list[str], said: str, tmp_path: Path) -> None:
    done = command("new-target", "desk", "--folder", str(tmp_path), "--defaults", *options)
    assert done.returncode == 3
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    words = ["new-target", "desk", "--arch", "x86_64", "--address", "a", "--folder", str(tmp_path), "--defaults"]
    assert command(*words).returncode == 0
    done = command(*words)
    assert done.returncode == 3
    assert "exists already" in done.stderr


def test_a_person_who_ends_the_input_is_told_of_the_options(tmp_path: Path) -> None:
    controller, terminal = pty.openpty()
    program = "import sys; from harness.cli import main; sys.exit(main())"
    words = [sys.executable, "-c", program, "new-target", "desk", "--folder", str(tmp_path)]
    with programs.Program(words, cwd=CHECKOUT, stdin=terminal, stderr=subprocess.PIPE, text=True) as process:
        os.write(controller, b"aarch64\n\x04")
        _, said = process.communicate(timeout=programs.PATIENCE)
    os.close(controller)
    os.close(terminal)
    assert process.returncode == 3, said
    assert "the input ended before all questions were answered\n  remedy: give the answers as options" in said
    assert list(tmp_path.iterdir()) == []


def test_a_person_is_asked(tmp_path: Path) -> None:
    """On a terminal; a wrong choice is asked for again, an empty answer is the default."""
    controller, terminal = pty.openpty()
    program = "import sys; from harness.cli import main; sys.exit(main())"
    words = [sys.executable, "-c", program, "new-target", "desk", "--folder", str(tmp_path)]
    with programs.Program(words, cwd=CHECKOUT, stdin=terminal, stdout=subprocess.PIPE, text=True) as process:
        os.write(controller, b"mips\naarch64\n7.1\nnone\n192.0.2.9\n\n\nnone\n")
        said, _ = process.communicate(timeout=programs.PATIENCE)
    os.close(controller)
    os.close(terminal)
    assert process.returncode == 0, said
    assert "one of: x86_64, aarch64" in said
    text = (tmp_path / "desk.yaml").read_text()
    assert 'profile: "7.1"' in text
    assert "address: 192.0.2.9\n" in text
    assert "SerialDriver" not in text
