# SPDX-License-Identifier: Apache-2.0
"""Standard streams that go away, are closed, are full, or cannot write what is to be said."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest

from tests import programs
from tests.command.shell import CHECKOUT, CONFIGURATION, expect_order, expect_sentence, shell


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "guest.qvmconf"
    path.write_text(CONFIGURATION)
    return path


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    path = tmp_path / "wrong.qvmconf"
    path.write_text("system demo\n" + "ram nonsense\n" * 3)
    return path


@pytest.mark.parametrize(
    "line",
    [
        "harness lint {wrong} | head -0",
        "harness lint --json {wrong} | head -1",
        "harness lint {wrong} >&-",
        "harness lint {wrong} >&- 2>&-",
        "harness lint {wrong} <&- >&- 2>&-",
        "harness lint {wrong} {wrong} {wrong} 2>&1 | true",
    ],
)
def test_a_reader_that_goes_away_changes_no_verdict(wrong: Path, line: str) -> None:
    run = shell(line.format(wrong=wrong))
    assert run.returncode == 1, run.stdout + run.stderr
    expect_order(run)


@pytest.mark.parametrize(
    "line",
    [
        "harness explain {file} --name telemetry0 --json | head -1",
        "for i in {{1..200}}; do echo {file}; done | xargs {harness} lint --json | head -c 1",
        "harness --help | head -1",
        "harness lint --help | true",
        "harness explain {file} --name telemetry0 >&-",
        "harness prove --list | head -1",
    ],
)
def test_a_reader_that_goes_away_is_no_error(file: Path, line: str) -> None:
    run = shell(line.format(file=file, harness=f"{sys.executable} -m harness"))
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stderr == ""


@pytest.mark.parametrize(
    "words", ["explain {file} --name telemetry0", "explain {file} --name telemetry0 --json", "prove --list", "--help"]
)
def test_lost_output_is_an_error_of_the_harness(file: Path, words: str) -> None:
    run = shell(f"harness {words.format(file=file)} >/dev/full")
    expect_sentence(run, 2, "standard output could not be written: No space left on device")


@pytest.mark.parametrize("words", ["atlantis", "lint", "lint /nowhere/guest.qvmconf", "report /nowhere"])
def test_standard_error_that_is_full_changes_no_status(words: str) -> None:
    assert shell(f"harness {words} 2>/dev/full").returncode == shell(f"harness {words}").returncode != 0


@pytest.mark.parametrize(
    "locale",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "POSIX", "PYTHONIOENCODING": "ascii"},
        {"LANG": "xx_YY.nonsense", "LC_ALL": "xx_YY.nonsense", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    ],
)
def test_a_locale_without_the_letters_of_a_name_is_enough(tmp_path: Path, locale: dict[str, str]) -> None:
    path = tmp_path / "gäst-客.qvmconf"
    path.write_text(CONFIGURATION + "# ключ\n", encoding="utf-8")
    run = shell(f"harness explain '{path}' --name télé", environment=locale)
    assert run.returncode == 0, run.stderr
    expect_order(run)
    expect_sentence(shell(f"harness lint '{path}-нет'", environment=locale), 3, "there is no")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_pipe_that_nobody_empties_does_not_keep_a_command_from_ending(file: Path, number: signal.Signals) -> None:
    reading, writing = os.pipe()
    with open(reading, "rb"), open(writing, "wb"):  # noqa: PTH123
        os.set_blocking(writing, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writing, bytes(4096))
        os.set_blocking(writing, True)
        command = [sys.executable, "-m", "harness", "explain", str(file), "--name", "telemetry0"]
        with programs.Program(command, stdout=writing, stderr=writing, cwd=CHECKOUT) as run:
            # It waits for the reader: only then the handler stands.
            waiting = Path(f"/proc/{run.pid}/wchan")
            programs.until(lambda: "poll" in waiting.read_text(), f"it waits in {waiting.read_text()}")
            run.send_signal(number)
            assert run.wait(programs.PATIENCE) == 130
