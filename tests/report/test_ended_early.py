# SPDX-License-Identifier: Apache-2.0
"""What a session leaves behind that was killed, interrupted or told to stop."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from harness.cli import main
from tests import programs
from tests.report.recorded_suite import SECONDS, Session, Suite

MakeSuite = Callable[[str], Suite]


def test_killed_run_leaves_what_it_knew(make_suite: MakeSuite, capsys: pytest.CaptureFixture[str]) -> None:
    suite = make_suite("""
        import os, signal

        @pytest.mark.requirement("TST-REQ-01")
        def test_a(bench, metrics):
            metrics.record(name="write", unit="MB/s", value=1.0)
            assert bench

        @pytest.mark.requirement("TST-REQ-02")
        def test_b(bench):
            os.kill(os.getpid(), signal.SIGKILL)

        @pytest.mark.requirement("TST-REQ-03")
        def test_c(bench): assert bench
    """)
    process = suite.start()
    process.communicate(timeout=SECONDS)
    assert process.returncode == -signal.SIGKILL
    assert not (suite.latest / "results.json").exists()

    assert main(["report", str(suite.latest)]) == 2
    report = Session(0, "", suite.latest).report
    assert (report.run.finished, report.run.verdict) == (False, "fail")
    assert [(case.test, case.verdict) for case in report.cases] == [
        ("test_it.py::test_a[left]", "pass"),
        ("test_it.py::test_a[right]", "pass"),
    ]
    assert len(report.metrics) == 2
    assert [case.test for case in report.not_run] == [
        f"test_it.py::test_{name}[{bench}]" for name in "bc" for bench in ("left", "right")
    ]
    assert report.run.reasons[0] == (
        "the run did not finish: it ended during test_it.py::test_b[left] without a message"
    )
    assert "test_b[left]" in (suite.latest / "index.html").read_text()
    assert capsys.readouterr().out.splitlines()[-1].startswith("qualification: FAIL")


def test_interrupted_run_says_so(make_suite: MakeSuite) -> None:
    session = make_suite("""
        import os, signal

        def test_a(bench): assert bench

        def test_b(bench):
            os.kill(os.getpid(), signal.SIGINT)
    """).run()
    assert session.status == 2
    assert not session.report.run.finished
    assert session.report.run.reasons == ["the run was interrupted: Ctrl-C", "2 planned tests did not run"]


def test_an_interrupt_that_some_clean_up_swallows_ends_the_run_all_the_same(make_suite: MakeSuite) -> None:
    """Python drops what is raised in a destructor, KeyboardInterrupt too."""
    suite = make_suite(
        """
        import os, signal

        class Careless:
            def __del__(self):
                os.kill(os.getpid(), signal.SIGINT)

        @pytest.mark.requirement("TST-REQ-01")
        def test_first(bench):
            Careless()

        @pytest.mark.requirement("TST-REQ-02")
        def test_second(bench): assert bench
        """
    )
    session = suite.run()
    assert session.report.run.reasons[:2] == ["the run was interrupted: Ctrl-C", "4 planned tests did not run"]
    assert session.verdicts() == {}


def test_signals_that_a_shell_has_turned_off_reach_what_the_tests_start(make_suite: MakeSuite) -> None:
    suite = make_suite("""
        import signal, subprocess, sys

        def test_a(bench):
            asked = "import signal; print(*(signal.getsignal(n) == signal.SIG_IGN for n in (2, 3)))"
            assert subprocess.check_output([sys.executable, "-c", asked], text=True).split() == ["False", "False"]
    """)
    command = ["sh", "-c", "trap '' INT QUIT; exec \"$@\"", "sh", *suite.command()]
    done = programs.run(command, cwd=suite.folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout


def test_stop_at_the_first_failure_lists_the_rest(make_suite: MakeSuite) -> None:
    session = make_suite("""
        def test_a(bench):
            assert False

        def test_b(bench): assert bench
    """).run("-x")
    assert session.status == 1
    assert len(session.report.not_run) == 3
