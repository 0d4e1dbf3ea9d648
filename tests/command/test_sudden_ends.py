# SPDX-License-Identifier: Apache-2.0
"""A test or a library that ends pytest itself, or puts another program in its place: it never looks like a pass."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from harness.report.evidence import reader
from tests.report import recorded_suite

SUITE = """
    import atexit, ctypes, os, sys, threading

    def test_a(request):
        assert request.node

    def test_b(request):
        assert request.node
        {call}

    def test_c(request):
        assert request.node
"""


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("os._exit(0)", "os._exit(0) would have ended pytest without a verdict"),
        ("os.execv('/bin/true', ['true'])", "os.execv('/bin/true') would have ended pytest without a verdict"),
        ("os.execlp('true', 'true')", "would have ended pytest without a verdict"),
    ],
)
def test_the_run_ends_with_a_report_and_its_status(tmp_path: Path, call: str, told: str) -> None:
    session = recorded_suite.make(tmp_path, SUITE.format(call=call)).run()
    assert session.status == 2, session.output
    assert "qualification: FAIL" in session.output.splitlines()[-1]
    assert session.verdicts()["test_a"] == "pass"
    assert any(told in reason for reason in session.report.run.reasons)


def test_what_nobody_can_see_leaves_a_report_that_says_so(tmp_path: Path) -> None:
    """The status is what C code asks for; the report was begun before."""
    session = recorded_suite.make(tmp_path, SUITE.format(call="ctypes.CDLL(None)._exit(0)")).run()
    assert session.status == 0
    assert "qualification:" not in session.output
    report = reader.read(session.folder)
    assert (report.run.verdict, report.run.finished) == ("fail", False)
    assert "did not finish" in (session.folder / "index.html").read_text()


def test_a_library_that_ends_the_process_after_the_session_keeps_its_status(tmp_path: Path) -> None:
    late = "atexit.register(lambda: os._exit(0))"
    failing = SUITE.format(call=f"{late}; assert request.node is None")
    assert recorded_suite.make(tmp_path, failing).run().status == 1


def test_children_may_end_as_they_do(tmp_path: Path) -> None:
    child = textwrap.indent(
        textwrap.dedent("""
            child = os.fork()
            if not child:
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
            child = os.fork()
            if not child:
                os.execv("/bin/true", ["true"])
            assert os.waitpid(child, 0)[1] == 0
        """),
        " " * 8,
    )
    session = recorded_suite.make(tmp_path, SUITE.format(call=child.strip())).run()
    assert session.status == 0, session.output


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--junitxml=/dev/full", "the JUnit file /dev/full could not be written: No space left on device"),
        ("--junitxml=/proc/nowhere/x", "/proc/nowhere"),
    ],
)
def test_a_junit_file_that_cannot_be_written_is_named(tmp_path: Path, option: str, words: str) -> None:
    session = recorded_suite.make(tmp_path, SUITE.format(call="")).run(option)
    assert session.status == 2, session.output
    assert words in session.output
    assert "qualification: FAIL" in session.output.splitlines()[-1]
    assert any(words in reason for reason in session.report.run.reasons)


def test_a_test_that_closes_standard_output_breaks_no_more_than_itself(tmp_path: Path) -> None:
    session = recorded_suite.make(tmp_path, SUITE.format(call="sys.stdout.close()")).run()
    assert session.status == 2, session.output
    assert "Traceback" not in session.output
    assert "qualification: FAIL" in session.output
