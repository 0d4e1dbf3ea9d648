# SPDX-License-Identifier: Apache-2.0
"""``harness prove`` on made-up suites: what it says of faults that are found, found elsewhere, or not found."""

from __future__ import annotations

import itertools
import json
import os
import re
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests import programs
from tests.prove.made_up import CHECKOUT, SECONDS, MadeUp, faults

SUITE = """
    @needs("SHM-NOTIF-01")
    def test_signals(fault):
        assert fault not in ("notify-lost", "subst-ignored")

    @needs("SHM-ALLOW-02")
    def test_names(fault):
        if fault == "rule-prefix":
            raise BenchError("the power supply smokes")
        assert fault != "rules-ignored"

    @needs("SHM-ALLOW-05")
    def test_stems(fault):
        assert fault != "rules-ignored"

    @needs("SHM-PERF-01")
    def test_speed():
        raise AssertionError("what is only recorded is not run")
"""


@pytest.fixture
def suite(tmp_path: Path) -> MadeUp:
    return MadeUp.of(tmp_path, SUITE)


def test_faults_that_their_group_catches(suite: MadeUp) -> None:
    run = suite.prove(*faults("rules-ignored", "notify-lost"))
    assert run.status == 0, run.output
    assert run.output.splitlines()[-1].startswith("proof: PASS  2 of 2 faults caught  report: ")
    assert re.search(r"^\[[12]/3\] rules-ignored \(access\): caught by SHM-ALLOW-02, \d+\.\d s", run.output, re.M)
    by_name = {proof["fault"]: proof for proof in run.proof["proofs"]}
    assert by_name["rules-ignored"]["catch"]["test"].endswith("test_it.py::test_names")
    assert by_name["rules-ignored"]["catch"]["requirements"] == ["SHM-ALLOW-02"]
    # The tests of the group came first, and the first failure was the end.
    assert by_name["rules-ignored"]["tests"] == 1
    assert by_name["notify-lost"]["tests"] == 1
    (control,) = run.proof["controls"]
    assert (control["what"], control["tests"], control["failed"]) == ("control", 2, [])
    assert run.proof["whole"] is False


def test_faults_that_nobody_or_somebody_else_catches_are_holes(suite: MadeUp) -> None:
    run = suite.prove(*faults("rule-substring", "subst-ignored", "rules-ignored"))
    assert run.status == 1, run.output
    assert run.outcomes == {"rules-ignored": "caught", "rule-substring": "survived", "subst-ignored": "elsewhere"}
    assert "hole: rule-substring (access): SURVIVED" in run.output
    assert "hole: subst-ignored (access): CAUGHT ONLY BY SHM-NOTIF-01" in run.output
    assert run.output.splitlines()[-1].startswith("proof: FAIL  1 of 3 faults caught")


def test_a_bench_error_is_no_proof(suite: MadeUp) -> None:
    run = suite.prove(*faults("rule-prefix"))
    assert run.status == 2
    # Nothing was caught, so that there is nothing to hold against a session without a fault.
    assert run.proof["planned"] == ["rule-prefix"]
    assert not run.proof["controls"]
    assert run.outcomes == {"rule-prefix": "error"}
    assert "1 tests ended in an error, the first:" in run.output
    assert "the power supply smokes" in run.output


def test_a_test_that_fails_without_a_fault_proves_nothing(tmp_path: Path) -> None:
    suite = MadeUp.of(tmp_path, '@needs("SHM-ALLOW-02")\ndef test_always(): assert False\n')
    run = suite.prove(*faults("rules-ignored"))
    assert run.status == 1
    assert run.outcomes == {"rules-ignored": "caught"}
    assert re.search(r"without a fault \(control\): .*test_always: fail", run.output)


def test_a_session_without_end_is_ended(tmp_path: Path) -> None:
    suite = MadeUp.of(
        tmp_path,
        """
        import threading

        @needs("SHM-ALLOW-02")
        def test_waits(fault):
            threading.Event().wait(300 if fault else 0)
        """,
    )
    began = time.monotonic()
    run = suite.prove(*faults("rules-ignored"), "--limit", "20")
    assert time.monotonic() - began < SECONDS / 2
    assert run.status == 2
    # On a busy machine the time may be over before the session has begun its report.
    ended = r"ERROR: the session (did not end in time|was ended after 20 s, before it could begin its report)"
    assert re.search(ended, run.output)


def test_the_page_shows_every_fault_and_needs_no_script(suite: MadeUp) -> None:
    page = suite.prove(*faults("rules-ignored", "rule-substring")).page
    assert "rules-ignored" in page
    assert "survived" in page
    assert "SHM-ALLOW-02" in page
    assert not re.search(r"<script|style=|<style", page)


def test_verdicts_in_other_orders(tmp_path: Path) -> None:
    suite = MadeUp.of(
        tmp_path,
        """
        ran = []

        @needs("SHM-ALLOW-02")
        @pytest.mark.parametrize("number", range(8))
        def test_free(number):
            ran.append(number)
            assert number in ran

        @needs("SHM-ALLOW-05")
        def test_wants_to_be_late():
            assert len(ran) > 3
        """,
    )
    run = suite.prove("--random-order", "5")
    assert run.status == 1, run.output
    (difference,) = run.proof["differences"]
    assert difference["test"].endswith("test_wants_to_be_late")
    assert list(difference["verdicts"]) == [f"order-{number}" for number in range(1, 6)]
    assert set(difference["verdicts"].values()) == {"pass", "fail"}
    assert len(run.proof["controls"]) == 5
    assert "depends on the order: " in run.output


def test_one_order_is_compared_with_nothing(suite: MadeUp) -> None:
    command = suite.command("--random-order", "1")
    run = programs.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert run.returncode == 3, run.stdout + run.stderr
    assert "one order is compared with nothing" in run.stderr
    assert not list(suite.folder.glob("out/prove-*"))


def test_equal_verdicts_in_all_orders(suite: MadeUp) -> None:
    run = suite.prove("--random-order", "2")
    assert run.status == 0, run.output
    assert [control["tests"] for control in run.proof["controls"]] == [3, 3]


def test_tests_of_one_start_stay_together(tmp_path: Path) -> None:
    """Starts come in another order, so do the tests of each, but no start comes twice."""
    orders = tmp_path / "orders"
    suite = MadeUp.of(
        tmp_path,
        f"""
        import pathlib

        @needs("SHM-ALLOW-02")
        @pytest.mark.parametrize("start", range(4))
        @pytest.mark.parametrize("number", range(3))
        def test_of_a_start(start, number):
            with pathlib.Path({str(orders)!r}).open("a") as ran:
                print(start, number, file=ran)
            assert start < 4
        """,
    )
    run = suite.prove("--random-order", "2", "--jobs", "1")
    assert run.status == 0, run.output
    ran = [tuple(line.split()) for line in orders.read_text().splitlines()]
    first, second = ran[:12], ran[12:]
    for order in first, second:
        assert len(set(order)) == 12
        assert len([start for start, _ in itertools.groupby(order, key=lambda test: test[0])]) == 4
        assert order != sorted(order)
    assert first != second


def test_a_session_that_breaks_says_nothing_about_the_order(tmp_path: Path) -> None:
    suite = MadeUp.of(
        tmp_path,
        f"""
        import os, pathlib

        @needs("SHM-ALLOW-02")
        def test_survives(): assert os.getpid()

        @needs("SHM-ALLOW-05")
        def test_dies_once():
            mark = pathlib.Path({str(tmp_path / "died")!r})
            if not mark.exists():
                mark.touch()
                os.abort()
            assert mark.exists()
        """,
    )
    run = suite.prove("--random-order", "3", "--jobs", "1")
    assert run.status == 2, run.output
    assert not run.proof["differences"]
    assert "without a fault (order-1): " in run.output
    assert [control["failed"] for control in run.proof["controls"]][1:] == [[], []]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--select", "rules-of-thumb"], "no fault and no group of faults matches 'rules-of-thumb'"),
        (["--lg-env", "none.yaml"], "there is no environment file none.yaml"),
        (["--suite", "nowhere"], "there is no suite"),
        (["--jobs", "0"], "must be at least 1"),
    ],
)
def test_wrong_use(suite: MadeUp, options: list[str], message: str) -> None:
    run = suite.prove(*options)
    assert run.status == 3, run.output
    assert message in run.output
    assert not run.folder.exists()


def test_the_list_of_faults(suite: MadeUp) -> None:
    run = suite.prove("--list", "--select", "rules-*", "--select", "placement")
    assert run.status == 0
    lines = run.output.splitlines()
    assert {line.split()[1] for line in lines} == {"access", "placement"}
    assert any(line.startswith("rules-last-match ") for line in lines)


def test_an_interrupt_ends_the_sessions(tmp_path: Path) -> None:
    """The session writes its own process number and then waits for ever."""
    suite = MadeUp.of(
        tmp_path,
        f"""
        import os, threading, pathlib

        @needs("SHM-ALLOW-02")
        def test_waits():
            pathlib.Path({str(tmp_path / "pid")!r}).write_text(str(os.getpid()))
            threading.Event().wait(300)
        """,
    )
    process = programs.Program(suite.command(*faults("rules-ignored")), cwd=CHECKOUT, start_new_session=True)
    try:
        session = _number_in(tmp_path / "pid")
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 130
        with pytest.raises(ProcessLookupError):
            os.kill(session, 0)
    finally:
        process.kill()
        process.wait()


def test_what_has_ended_is_kept_when_the_rest_is_interrupted(tmp_path: Path) -> None:
    suite = MadeUp.of(
        tmp_path,
        f"""
        import os, threading, pathlib

        @needs("SHM-ALLOW-02")
        def test_stays_the_second_time():
            first = pathlib.Path({str(tmp_path / "first")!r})
            if first.exists():
                pathlib.Path({str(tmp_path / "pid")!r}).write_text(str(os.getpid()))
                threading.Event().wait(300)
            first.touch()
            assert first.exists()
        """,
    )
    command = suite.command("--random-order", "3", "--jobs", "1")
    process = programs.Program(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
    try:
        _number_in(tmp_path / "pid")
        (page,) = tmp_path.glob("out/prove-*/index.html")
        # Also for those who cannot be told of the end.
        assert "1 of 3 sessions have ended" in page.read_text()
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert said.splitlines()[-1].startswith("proof: INCOMPLETE  1 of 3 sessions  report: ")
    proof = json.loads(page.with_name("prove.json").read_text())
    assert proof["planned"] == ["order-1", "order-2", "order-3"]
    assert [control["what"] for control in proof["controls"]] == ["order-1"]


def test_no_room_for_the_page(suite: MadeUp) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

    command = suite.command(*faults("rules-ignored"))
    done = programs.run(
        command, cwd=CHECKOUT, capture_output=True, text=True, timeout=SECONDS, check=False, preexec_fn=limit
    )
    assert done.returncode == 2
    assert "harness prove: error: the report of the proof could not be written: " in done.stderr
    assert "Traceback" not in done.stderr


def _number_in(path: Path) -> int:
    """The number that appears in a file."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if path.exists() and (text := path.read_text()):
            return int(text)
        time.sleep(0.05)
    raise AssertionError(f"nothing appeared in {path}")
