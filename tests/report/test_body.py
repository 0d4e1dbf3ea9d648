# SPDX-License-Identifier: Apache-2.0
"""A test passes only if its own body has completed, regardless of plugins and options."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.report.recorded_suite import Suite

MakeSuite = Callable[[str], Suite]


@pytest.mark.parametrize(
    ("hook", "expected"),
    [
        # Answers in the place of the test, as a dry run does.
        ("def pytest_pyfunc_call(pyfuncitem): return True", "did not run"),
        # Leaves the call out, as --setup-only does.
        (
            """
            from _pytest import runner

            def pytest_runtest_protocol(item, nextitem):
                item._initrequest()
                for when in ("setup", "teardown"):
                    more = {"nextitem": nextitem} if when == "teardown" else {}
                    runner.call_and_report(item, when, **more)
                return True
            """,
            "did not run",
        ),
        # Enters the test and swallows what it raises.
        (
            """
            import pytest

            @pytest.hookimpl(wrapper=True)
            def pytest_pyfunc_call(pyfuncitem):
                try:
                    return (yield)
                except BaseException:
                    return True
            """,
            "did not complete",
        ),
    ],
    ids=["answered", "left out", "swallowed"],
)
def test_a_pass_that_a_plugin_reports_is_none(make_suite: MakeSuite, hook: str, expected: str) -> None:
    suite = make_suite("""
        @pytest.mark.requirement("TST-REQ-01")
        def test_a(bench):
            raise OSError("cable")
    """)
    suite.write("answering.py", hook)
    session = suite.run("-p", "answering")
    assert session.status == 2, session.output
    assert set(session.verdicts().values()) == {"error"}
    assert all(expected in case.reason for case in session.report.cases)


def test_coroutines_count_when_somebody_awaits_them(make_suite: MakeSuite) -> None:
    suite = make_suite("""
        async def test_a(request):
            assert request.node

        async def test_b(request):
            assert not request.node, "found"
    """)
    suite.write(
        "awaiting.py",
        """
        import asyncio

        def pytest_pyfunc_call(pyfuncitem):
            coroutine = pyfuncitem.obj(pyfuncitem.funcargs["request"])
            if pyfuncitem.config.option.keyword == "unawaited":
                coroutine.close()
            else:
                asyncio.run(coroutine)
            return True

        def pytest_collection_modifyitems(items):
            for item in items:
                item.extra_keyword_matches.add("unawaited")
        """,
    )
    assert suite.run("-p", "awaiting").verdicts() == {"test_a": "pass", "test_b": "fail"}
    assert suite.run("-p", "awaiting", "-k", "unawaited").verdicts() == {"test_a": "error", "test_b": "error"}


def test_a_coroutine_that_nobody_awaits_speaks_of_no_device(make_suite: MakeSuite) -> None:
    session = make_suite("async def test_a(): ...").run()
    assert (session.status, session.verdicts()) == (2, {"test_a": "error"})


def test_marks_of_expected_failures_judge_nothing(make_suite: MakeSuite) -> None:
    session = make_suite("""
        @pytest.mark.xfail
        def test_a():
            assert False

        @pytest.mark.xfail
        def test_b(request):
            assert request.node

        @pytest.mark.xfail(strict=True)
        def test_c(request):
            assert request.node
    """).run()
    assert session.verdicts() == {"test_a": "fail", "test_b": "pass", "test_c": "error"}


def test_the_checks_of_unittest_count(make_suite: MakeSuite) -> None:
    session = make_suite("""
        import unittest

        class TestIt(unittest.TestCase):
            def test_a(self):
                self.assertEqual(self.id().rpartition(".")[2], "test_a")

            def test_b(self):
                self.assertEqual(1, 2)

            def test_c(self):
                with self.subTest("part"):
                    self.fail("part")

            @unittest.expectedFailure
            def test_d(self):
                self.fail("expected")
    """).run()
    assert session.verdicts() == {f"TestIt::test_{name}": "pass" if name == "a" else "fail" for name in "abcd"}


SETTING_UP = """
    def pytest_cmdline_main(config):
        config.option.setuponly = True
"""


@pytest.mark.parametrize(
    ("option", "variables", "settings", "where"),
    [
        ("--setup-only", {}, "", "on the command line"),
        ("-q", {"PYTEST_ADDOPTS": "--setup-only"}, "", "in PYTEST_ADDOPTS"),
        ("-q", {}, "addopts = --setup-only", "in addopts of pytest.ini"),
        ("-q", {"PYTEST_PLUGINS": "setting_up"}, "", "by a plugin or a conftest"),
    ],
    ids=["option", "variable", "file", "plugin"],
)
def test_setting_up_alone_is_refused_wherever_it_is_asked_for(
    make_suite: MakeSuite, option: str, variables: dict[str, str], settings: str, where: str
) -> None:
    suite = make_suite("def test_a(bench): ...")
    suite.write("setting_up.py", SETTING_UP)
    suite.write("pytest.ini", f"[pytest]\n{settings}\n")
    suite.environment.update(variables)
    output = suite.refused(option)
    assert where in output
    assert "runs no test" in output


LOST = """
    import functools, threading

    def lenient(function):
        @functools.wraps(function)
        def inner(*arguments, **named):
            for _ in range(2):
                try:
                    return function(*arguments, **named)
                except AssertionError:
                    pass
        return inner

    @lenient
    def test_swallowed(request):
        assert request.node
        assert request.node.name == "nobody"

    def test_in_a_thread(request):
        assert request.node
        def look():
            assert request.node.name == "nobody"
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()

    @lenient
    def test_good_decorator(request):
        assert request.node

    def test_good_try(request):
        for name in ("nobody", request.node.name):
            try:
                assert request.node.name == name
            except AssertionError:
                continue
        with pytest.raises(AssertionError):
            assert request.node.name == "nobody"

    def test_good_thread(request):
        thread = threading.Thread(target=lambda: len(request.node.name))
        thread.start()
        thread.join()
        assert request.node
"""


def test_an_assertion_that_failed_unheard_is_no_pass(make_suite: MakeSuite) -> None:
    session = make_suite(LOST).run()
    bad = {"test_swallowed": "error", "test_in_a_thread": "error"}
    assert session.verdicts() == bad | dict.fromkeys(
        ["test_good_decorator", "test_good_try", "test_good_thread"], "pass"
    )
    reasons = {case.test.partition("::")[2]: case.reason for case in session.report.cases}
    assert "failed, and something around the test, such as a decorator, caught it" in reasons["test_swallowed"]
    assert "an assertion failed in a thread, and the test went on: assert" in reasons["test_in_a_thread"]


def test_an_item_of_ones_own_that_judges_nothing_is_no_pass(make_suite: MakeSuite) -> None:
    suite = make_suite("""
        def test_a(request):
            assert request.node
    """)
    suite.write(
        "own.py",
        """
        import pytest
        from harness.report.judging.judgements import judge

        class Own(pytest.Item):
            def runtest(self):
                if self.name == "good":
                    judge(self.path.exists(), "it is gone")

        class File(pytest.File):
            def collect(self):
                return [Own.from_parent(self, name=name) for name in ("good", "bad")]

        def pytest_collect_file(file_path, parent):
            return File.from_parent(parent, path=file_path) if file_path.suffix == ".case" else None
        """,
    )
    suite.write("one.case", "")
    assert suite.run("-p", "own").verdicts() == {"good": "pass", "bad": "error", "test_a": "pass"}
