# SPDX-License-Identifier: Apache-2.0
"""Other people's plugins, with small ones in their place that use the same hooks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from tests.report.recorded_suite import Suite

MakeSuite = Callable[[str], Suite]

# As pytest-rerunfailures does it: the whole protocol again, reports told afterwards.
WHOLE = """
    from _pytest.runner import runtestprotocol

    def pytest_runtest_protocol(item, nextitem):
        for attempt in range(3):
            reports = runtestprotocol(item, nextitem=nextitem, log=False)
            failed = any(report.failed for report in reports)
            for report in reports:
                if report.failed and attempt < 2:
                    report.outcome = "rerun"
                item.ihook.pytest_runtest_logreport(report=report)
            if not failed:
                break
        return True
"""

# As flaky does it: the runner's own protocol again, and reports of what is tried again are swallowed.
SWALLOWED = """
    from _pytest import runner

    ORIGINAL = runner.call_and_report

    def pytest_runtest_protocol(item, nextitem):
        broken = []

        def quiet(item, when, log=True, **more):
            report = ORIGINAL(item, when, log=False, **more)
            broken.append(report.failed)
            report.outcome = "passed"
            return report

        runner.call_and_report = quiet
        try:
            for _ in range(3):
                broken.clear()
                runner.pytest_runtest_protocol(item, nextitem)
                if not any(broken):
                    break
        finally:
            runner.call_and_report = ORIGINAL
        return True
"""

# As pytest-retry does it: set-up and call again in the middle of the report on the first call.
INSIDE = """
    import pytest

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(item, call):
        outcome = yield
        report = outcome.get_result()
        for _ in range(2 if report.when == "call" and call.excinfo else 0):
            if not call.excinfo:
                break
            item.ihook.pytest_runtest_teardown(item=item, nextitem=None)
            item._initrequest()
            item.ihook.pytest_runtest_setup(item=item)
            call = pytest.CallInfo.from_call(lambda: item.ihook.pytest_runtest_call(item=item), when="call")
        if report.when == "call":
            report.outcome = "failed" if call.excinfo else "passed"
"""

RETRIED = """
    TRIES = []

    @pytest.mark.requirement("TST-REQ-01")
    def test_a(observations, metrics):
        TRIES.append(1)
        observations.record("try", len(TRIES))
        metrics.record(name="try", unit="", value=len(TRIES))
        assert TRIES
        {body}

    @pytest.mark.requirement("TST-REQ-02")
    def test_b(request):
        assert request.node
"""


@pytest.mark.parametrize("plugin", [WHOLE, SWALLOWED, INSIDE], ids=["whole", "swallowed", "inside"])
def test_a_failure_that_a_retry_hides_is_a_failure(make_suite: MakeSuite, plugin: str) -> None:
    suite = make_suite(RETRIED.format(body="assert len(TRIES) > 1, 'region was not refused'"))
    suite.write("retrying.py", plugin)
    session = suite.run("-p", "retrying")
    assert session.status == 1, session.output
    assert session.verdicts() == {"test_a": "fail", "test_b": "pass"}
    case = session.report.cases[0]
    assert [attempt.verdict for attempt in case.attempts] == ["fail", "pass"]
    assert case.reason.startswith("attempt 1 of 2: fail: region was not refused")
    assert case.reason.endswith("attempt 2 of 2: pass")
    assert [observation.value for observation in case.observations] == ["1", "2"]
    assert [metric.value for metric in session.report.metrics] == [1.0, 2.0]
    assert "2 attempts" in (session.folder / "tests.html").read_text()
    assert (session.folder / "journal.jsonl").read_text().count('"entry":"CaseDone"') == 3
    assert [line[:6] for line in session.output.splitlines() if line.startswith("[")] == ["[1/2] ", "[2/2] "]


@pytest.mark.parametrize(
    ("body", "verdicts", "status"),
    [
        ("if len(TRIES) == 1: raise OSError('cable')", ["error", "pass"], 2),
        ("assert len(TRIES) > 2", ["fail", "fail", "pass"], 1),
        ("raise OSError('cable') if len(TRIES) != 2 else AssertionError('device')", ["error", "fail", "error"], 1),
    ],
)
def test_the_worst_attempt_decides(make_suite: MakeSuite, body: str, verdicts: list[str], status: int) -> None:
    suite = make_suite(RETRIED.format(body=body))
    suite.write("retrying.py", WHOLE)
    session = suite.run("-p", "retrying")
    case = session.report.cases[0]
    assert [attempt.verdict for attempt in case.attempts] == verdicts
    assert case.verdict == ("fail" if "fail" in verdicts else "error")
    assert session.status == status
    names = [Path(path).name for path in case.evidence if "failure" in path]
    bad = [number for number, verdict in enumerate(verdicts, 1) if verdict != "pass"]
    assert names == ["failure.txt" if number == 1 else f"failure-{number}.txt" for number in bad]


def test_checks_that_raise_nothing_count(make_suite: MakeSuite) -> None:
    suite = make_suite("""
        import collecting

        def test_a(bench):
            assert bench
            if bench == "left":
                collecting.CHECKS.append("size is 1, not 2")

        @pytest.mark.xfail
        def test_b(request):
            assert request.node
            collecting.CHECKS.append("expected")

        def test_c(request):
            assert request.node
    """)
    suite.write(
        "collecting.py",
        """
        import pytest

        CHECKS = []

        @pytest.hookimpl(hookwrapper=True, trylast=True)
        def pytest_runtest_makereport(item, call):
            report = (yield).get_result()
            if CHECKS and item.get_closest_marker("xfail"):
                report.outcome, report.wasxfail = "skipped", "expected"
            elif CHECKS:
                report.outcome, report.longrepr = "failed", "; ".join(CHECKS)
            CHECKS.clear()
        """,
    )
    session = suite.run("-p", "collecting")
    assert session.verdicts() == {"test_a[left]": "fail", "test_a[right]": "pass", "test_b": "fail", "test_c": "pass"}
    assert session.report.cases[0].reason == "size is 1, not 2"


def test_a_part_that_failed_fails_its_test(make_suite: MakeSuite) -> None:
    """As pytest-subtests does it: a part is reported as a call of its own, and the test goes on and passes."""
    suite = make_suite("""
        @pytest.fixture
        def part(request):
            def run(function):
                call = pytest.CallInfo.from_call(function, when="call")
                report = request.node.ihook.pytest_runtest_makereport(item=request.node, call=call)
                request.node.ihook.pytest_runtest_logreport(report=report)
            return run

        def test_a(part, request):
            assert request.node
            part(lambda: pytest.fail("the second name"))
            part(lambda: None)

        def test_b(part, request):
            assert request.node
            part(lambda: {}["bug"])

        def test_c(part, request):
            assert request.node
            part(lambda: None)
    """)
    session = suite.run()
    assert session.verdicts() == {"test_a": "fail", "test_b": "error", "test_c": "pass"}
    assert session.report.cases[0].reason == "the second name"


LIMIT = """
    import signal
    import pytest

    def too_long(number, frame):
        pytest.fail("Timeout (>0.2s)")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(item):
        signal.signal(signal.SIGALRM, too_long)
        signal.setitimer(signal.ITIMER_REAL, 0.2 if "slow" in item.name else 0)
        try:
            return (yield)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
"""


def test_a_time_limit_says_nothing_about_the_device(make_suite: MakeSuite, tmp_path: Path) -> None:
    """A plugin from elsewhere; what the suites' own conftest says counts as said by the test."""
    suite = make_suite("""
        import time

        @pytest.fixture
        def never():
            time.sleep(30)

        def test_slow_body():
            time.sleep(30)

        def test_slow_setup(never): ...

        def test_found(finding):
            finding("the region is there")

        def test_expected_an_error():
            with pytest.raises(ValueError):
                pass
    """)
    conftest = (suite.folder / "conftest.py").read_text()
    suite.write("conftest.py", f"{conftest}\n\n@pytest.fixture\ndef finding():\n    return pytest.fail\n")
    Suite(tmp_path).write("limiting.py", LIMIT)
    suite.environment["PYTHONPATH"] = str(tmp_path)
    session = suite.run("-p", "limiting")
    assert session.verdicts() == {
        "test_slow_body": "error",
        "test_slow_setup": "error",
        "test_found": "fail",
        "test_expected_an_error": "fail",
    }
    assert session.report.cases[0].reason == "call: ended by the plugin limiting: Timeout (>0.2s)"


@pytest.mark.parametrize(
    ("options", "settings", "expected"),
    [
        (["--timeout-method=thread"], "", "--timeout-method=signal"),
        ([], "timeout_method = thread", "--timeout-method=signal"),
        ([], "faulthandler_exit_on_timeout = true", "faulthandler_timeout may stay"),
    ],
)
def test_time_limits_that_end_pytest_itself_are_refused(
    make_suite: MakeSuite, options: list[str], settings: str, expected: str
) -> None:
    suite = make_suite("def test_a(bench): assert bench")
    suite.write(
        "limiting.py",
        """
        def pytest_addoption(parser):
            parser.addoption("--timeout-method")
            parser.addini("timeout_method", "")
        """,
    )
    suite.write("pytest.ini", f"[pytest]\n{settings}\n")
    assert expected in suite.refused("-p", "limiting", *options)


# pytest-xdist and others of its kind, as far as the recorder can see them.
ELSEWHERE = """
    def pytest_addoption(parser):
        parser.addoption("--dist", default="no")
        parser.addoption("--numprocesses")
        parser.addoption("--forked", action="store_true")
        parser.addoption("--workers")

    def pytest_cmdline_main(config):
        if config.option.numprocesses:
            config.option.dist = "load"
"""


@pytest.mark.parametrize(
    ("options", "variable", "expected"),
    [
        (["--numprocesses=2"], "", "pytest-xdist"),
        (["--dist", "each"], "", "pytest-xdist"),
        ([], "--numprocesses=2", "in PYTEST_ADDOPTS"),
        (["--forked"], "", "pytest-forked"),
        (["--workers", "4"], "", "pytest-parallel"),
    ],
)
def test_tests_that_would_run_elsewhere_are_refused(
    make_suite: MakeSuite, options: list[str], variable: str, expected: str
) -> None:
    suite = make_suite("def test_a(bench): assert bench")
    suite.write("elsewhere.py", ELSEWHERE)
    suite.environment["PYTEST_ADDOPTS"] = variable
    output = suite.refused("-p", "elsewhere", *options)
    assert expected in output
    assert len([line for line in output.splitlines() if line.strip()]) == 1


def test_such_a_plugin_that_is_only_there_changes_nothing(make_suite: MakeSuite) -> None:
    suite = make_suite("def test_a(bench): assert bench")
    suite.write("elsewhere.py", ELSEWHERE)
    assert suite.run("-p", "elsewhere").status == 0


def test_another_loop_over_the_tests_is_refused(make_suite: MakeSuite) -> None:
    suite = make_suite("def test_a(bench): assert bench")
    suite.write("looping.py", "def pytest_runtestloop(session): return True\n")
    session = suite.run("-p", "looping")
    assert session.report.run.exit_status == 3
    assert "the plugin looping runs tests that the recorder does not see" in session.report.run.reasons[0]


def test_a_test_that_ran_in_another_process_ends_the_run_with_the_reason(make_suite: MakeSuite) -> None:
    suite = make_suite("""
        def test_a(request):
            assert request.node

        def test_b(): ...

        def test_c(): ...
    """)
    suite.write(
        "forking.py",
        """
        import os
        from _pytest.runner import runtestprotocol

        def pytest_runtest_protocol(item, nextitem):
            if item.name != "test_b":
                return None
            child = os.fork()
            if not child:
                runtestprotocol(item, nextitem=nextitem, log=False)
                os._exit(0)
            os.waitpid(child, 0)
            return True
        """,
    )
    session = suite.run("-p", "forking")
    assert session.status == 3, session.output
    assert session.verdicts() == {"test_a": "pass"}
    assert session.report.run.reasons[0] == "test_it.py::test_b was run by another plugin without being recorded"


# Reports are made good after the fact, and a body is never run: pytest says that all passed.
MADE_GOOD = """
    import pytest

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(item, call):
        outcome = yield
        outcome.get_result().outcome = "passed"
"""
NOT_RUN = """
    import pytest

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(pyfuncitem):
        return True
"""


@pytest.mark.parametrize(
    ("plugin", "words"), [(MADE_GOOD, "fail: "), (NOT_RUN, "error: ")], ids=["made good", "not run"]
)
def test_what_pytest_shows_as_passed_and_is_none_has_its_reason_on_the_terminal(
    make_suite: MakeSuite, plugin: str, words: str
) -> None:
    suite = make_suite('def test_a(bench): assert bench == "neither"')
    (suite.folder / "conftest.py").write_text((suite.folder / "conftest.py").read_text() + dedent(plugin))
    session = suite.run()
    assert "2 passed" in session.output
    lines = [line for line in session.output.splitlines() if line.startswith(words) and "test_a[" in line]
    assert len(lines) == 2, session.output


def test_what_pytest_shows_as_failed_is_not_told_twice(make_suite: MakeSuite) -> None:
    session = make_suite('def test_a(bench): assert bench == "left"').run()
    assert not [line for line in session.output.splitlines() if line.startswith("fail: ")]
