# SPDX-License-Identifier: Apache-2.0
"""``harness qualify`` as a person uses it: on the real benches, to its end, and ended before it."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import programs
from tests.bench.processes import VARIABLE, marked, new_mark

COMMAND = [sys.executable, "-m", "harness", "qualify"]
# Of the suites, some files: each session would collect them all.
_FEW = "suites/access/test_manual_examples.py"
_MANY = "suites/lifecycle"


def _qualify(*arguments: str) -> subprocess.CompletedProcess[str]:
    return programs.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)


def test_both_benches_pass_and_the_last_line_names_the_report(tmp_path: Path) -> None:
    benches = ("--bench", "qemu-x86_64", "--bench", "qemu-aarch64")
    run = _qualify(_FEW, *benches, "--out", str(tmp_path))
    # A selection: nothing failed, and most of the scope was not judged.
    assert run.returncode == 4, run.stdout + run.stderr
    match = re.fullmatch(r"qualification: PARTIAL  report: (.*)", run.stdout.splitlines()[-1])
    assert match
    # Two or three guests for each test module, and what they would cost alone.
    assert re.search(r"^processor time: \d+\.\d s in \d+\.\d s$", run.stdout, re.MULTILINE)
    assert re.search(
        r"^bare guest starts: .*\d aarch64 x \d+ ms, \d+ x86_64 x \d+ ms\); ratio", run.stdout, re.MULTILINE
    )
    assert re.search(r"^access verdicts: \d+, \d+\.\d per second of processor time$", run.stdout, re.MULTILINE)
    page = Path(match[1])
    assert page.is_file()
    results = json.loads((page.parent / "results.json").read_text())["results"]
    assert {record["verdict"] for record in results} == {"pass"}
    assert {record["bench"] for record in results} == {"qemu-x86_64", "qemu-aarch64"}
    assert all((page.parent / path).is_file() for record in results for path in record["evidence"])
    suites = ElementTree.parse(page.parent / "junit.xml").findall("testsuite")
    names = {f"{bench}.{placement}" for bench in ("qemu-x86_64", "qemu-aarch64") for placement in ("pci", "mmio")}
    assert names <= {suite.get("name") for suite in suites if suite.findall("testcase")}
    # One record for each requirement, bench and placement.
    keys = {(record["requirement"], record["bench"], record["placement"]) for record in results}
    assert len(keys) == len(results) > 40


def test_one_bench_can_be_chosen_and_the_narrowing_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--setup-plan --deselect suites/access")
    run = _qualify("-k", "test_mixed", "--bench", "qemu-aarch64", "--out", str(tmp_path))
    assert run.returncode == 4, run.stdout + run.stderr
    results = json.loads((tmp_path / "latest/results.json").read_text())
    assert {record["bench"] for record in results["results"]} == {"qemu-aarch64"}
    # The variable has no effect, and that is told; the option has one, and that is told as well.
    ignored = "PYTEST_ADDOPTS=--setup-plan --deselect suites/access"
    assert run.stdout.startswith(f"ignored: {ignored} ")
    assert ignored in results["run"]["surroundings"]["ignored"]
    [narrowed] = results["run"]["narrowed"]
    assert (narrowed["left"], narrowed["by"]) == ("deselected", "-k 'test_mixed' (on the command line)")
    assert run.stdout.splitlines()[-2] == f"narrowed: {narrowed['count']} tests deselected, by {narrowed['by']}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lg-env", "/nowhere/boards.yaml"], "there is no environment file /nowhere/boards.yaml"),
        (["--bench", "atlantis"], "qemu-x86_64, qemu-aarch64"),
    ],
)
def test_wrong_use_says_what_there_is(arguments: list[str], message: str, tmp_path: Path) -> None:
    run = _qualify(*arguments, "--out", str(tmp_path))
    assert run.returncode == 3
    assert message in run.stderr
    assert "Traceback" not in run.stderr


class Running:
    """A qualification that has guests running and a long way to go."""

    def __init__(self, out: Path, *arguments: str) -> None:
        self.out = out
        self.mark = new_mark()
        self.process = programs.Program(
            [*COMMAND, *arguments, "--out", str(out)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, VARIABLE: self.mark},
            start_new_session=True,
        )
        programs.until(lambda: self.pid_of("qemu-system"), "no guest was started")

    def pid_of(self, program: str) -> int | None:
        return next((pid for pid, command in marked(self.mark).items() if program in command), None)

    def output(self) -> tuple[str, str]:
        output, errors = self.process.communicate(timeout=programs.PATIENCE)
        return output, errors

    def expect_nothing_left(self) -> None:
        # A session that nobody has ended would take longer than this to its own end.
        programs.until(lambda: not marked(self.mark), lambda: f"left: {marked(self.mark)}", 120)


@pytest.fixture
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path, *getattr(request, "param", (_MANY,)))
    yield running
    if running.process.poll() is None:
        running.process.kill()
        running.output()
    running.expect_nothing_left()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_brings_the_benches_down_and_fails(running: Running, number: signal.Signals) -> None:
    # As a terminal does it: to the whole group of the command.
    os.killpg(running.process.pid, number)
    output, errors = running.output()
    assert running.process.returncode == 130
    assert output.splitlines()[-1].startswith("qualification: FAIL  report: ")
    assert "interrupted" in errors
    said = "Ctrl-C" if number == signal.SIGINT else number.name
    assert f"the run was interrupted: {said}" in output
    assert "Traceback" not in output + errors
    running.expect_nothing_left()


@pytest.mark.parametrize(
    ("streams", "number"),
    [
        ("2>&-", signal.SIGTERM),
        pytest.param(">&- 2>&-", signal.SIGHUP, marks=pytest.mark.long),
        (">/dev/full 2>/dev/full", signal.SIGINT),
        ("| true", signal.SIGTERM),
        pytest.param("2> >(true)", signal.SIGHUP, marks=pytest.mark.long),
        pytest.param("2> >(true)", signal.SIGTERM, marks=pytest.mark.long),
    ],
)
def test_an_interrupt_needs_no_terminal(tmp_path: Path, streams: str, number: signal.Signals) -> None:
    """Streams may be closed, full, or a pipe whose reader has gone."""
    mark = new_mark()
    # One session at a time is enough to be interrupted, and begins sooner.
    command = shlex.join([*COMMAND, _MANY, "--bench", "qemu-aarch64", "--jobs", "1", "--out", str(tmp_path)])
    line = f'{command} {streams}; exit "${{PIPESTATUS[0]}}"'
    with programs.Program(
        ["bash", "-c", line], env={**os.environ, VARIABLE: mark}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as shell:

        def pid_of(program: str) -> int | None:
            return next((pid for pid, said in marked(mark).items() if program in said and "bash" not in said), None)

        programs.until(lambda: pid_of("qemu-system"), "no guest was started")
        os.kill(pid_of("harness qualify") or 0, number)
        output, errors = shell.communicate(timeout=programs.PATIENCE)
    assert shell.returncode == 130, output + errors
    assert b"Traceback" not in output + errors
    assert (tmp_path / "latest/index.html").is_file()
    assert not marked(mark)


@pytest.mark.parametrize("running", [(_FEW, "--bench", "qemu-aarch64")], indirect=True, ids=["few tests"])
def test_a_killed_pytest_is_reported_and_leaves_a_report(running: Running) -> None:
    pid = running.pid_of("-m pytest suites")
    assert pid
    os.kill(pid, signal.SIGKILL)
    output, _ = running.output()
    assert running.process.returncode == 2
    assert re.search(r"qemu-aarch64\.(pci|mmio): pytest was ended by SIGKILL", output)
    assert output.splitlines()[-1].startswith("qualification: FAIL  report: ")
    assert "did not run" in (running.out / "latest/index.html").read_text()


@pytest.mark.parametrize("running", [(_FEW, "-k", "pci")], indirect=True, ids=["few tests"])
def test_a_session_that_is_killed_stops_no_other_bench(running: Running) -> None:
    def session() -> int | None:
        return running.pid_of("--bench qemu-x86_64 --placement pci ")

    programs.until(session, "no session of the bench")
    os.kill(session() or 0, signal.SIGKILL)
    output, _ = running.output()
    assert running.process.returncode == 2, output
    results = json.loads((running.out / "latest/results.json").read_text())
    whole = {entry["requirement"] for entry in results["results"] if entry["bench"] == "qemu-aarch64"}
    assert len(whole) > 10
    assert {entry["bench"] for entry in results["not_run"]} == {"qemu-x86_64"}
    assert any("qemu-x86_64.pci: pytest was ended by SIGKILL" in reason for reason in results["run"]["reasons"])


def test_a_killed_harness_takes_everything_with_it(running: Running) -> None:
    running.process.kill()
    running.process.wait()
    running.expect_nothing_left()
