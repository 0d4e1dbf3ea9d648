# SPDX-License-Identifier: Apache-2.0
"""A test passes only if its own body has completed, regardless of plugins and options."""

from __future__ import annotations

import textwrap
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


_WAYS_TO_FAIL = {
    "assert": 'assert request.node.name == "nobody"',
    "helper": "expect_nobody(request)",
    "judge": 'judge(request.node.name == "nobody", "it is somebody")',
    "fail": 'request.node.name == "nobody" or pytest.fail("it is somebody")',
}
# Each keeps the failure of ``work`` to itself. Before it, the test has judged something.
_KEEPERS = {
    "pool": """
        with ThreadPoolExecutor() as pool:
            pool.submit(work)
    """,
    "pool_with_a_callback": """
        with ThreadPoolExecutor() as pool:
            pool.submit(int).add_done_callback(lambda _: work())
    """,
    "event_loop": """
        async def later():
            work()
        async def main():
            await asyncio.gather(later(), return_exceptions=True)
        asyncio.run(main())
    """,
    "thread": """
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    """,
    "suppressed": """
        with contextlib.suppress(BaseException):
            work()
    """,
    "tried": """
        for _ in range(2):
            try:
                work()
            except BaseException:
                continue
    """,
}
_KEEPERS["skipped"] = """
        try:
            work()
        except BaseException:
            pytest.skip("not today")
"""
_LENIENT = """
    def lenient(function):
        @functools.wraps(function)
        def test(request):
            try:
                function(request)
            except BaseException:
                pass
        return test

    @lenient
    def test_lenient_{way}(request):
        assert request.node
        {failure}

    def very_lenient(function):
        def test(request):
            with contextlib.suppress(BaseException):
                function(request)
        return test

    @very_lenient
    def test_very_lenient_{way}(request):
        assert request.node
        {failure}
"""
_LOST = """
    import asyncio, contextlib, functools, threading, time
    from concurrent.futures import ThreadPoolExecutor
    from harness.report.judging.judgements import judge

    def expect_nobody(request):
        assert request.node.name == "nobody"

    def test_thread_that_dies_before_it_asserts(request):
        assert request.node
        def look():
            assert {}["nobody"] == request.node.name
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()

    def test_thread_that_fails_later(request):
        assert request.node
        gone = threading.Event()
        request.addfinalizer(gone.set)
        def look():
            gone.wait()
            assert request.node.name == "nobody"
        threading.Thread(target=look).start()
"""
_HEARD = """
    import threading
    import pytest

    def test_good_try(request):
        for name in ("nobody", request.node.name):
            try:
                assert request.node.name == name
            except AssertionError:
                continue
        with pytest.raises(AssertionError):
            assert request.node.name == "nobody"

    def test_good_second_reading(request):
        try:
            assert request.node.name == "nobody"
        except AssertionError:
            assert request.node.name == "test_good_second_reading"

    def test_good_thread(request):
        thread = threading.Thread(target=lambda: len(request.node.name))
        thread.start()
        thread.join()
        assert request.node

    def test_good_thread_that_goes_on(request):
        gone = threading.Event()
        request.addfinalizer(gone.set)
        threading.Thread(target=gone.wait).start()
        assert request.node
"""


def _lost(way: str, keeper: str) -> str:
    kept = textwrap.indent(textwrap.dedent(_KEEPERS[keeper]), " " * 8)
    failure = f"        def work():\n            {_WAYS_TO_FAIL[way]}\n"
    return f"\n    def test_{keeper}_{way}(request):\n        assert request.node\n{failure}{kept}"


def test_an_assertion_that_failed_unheard_is_no_pass(make_suite: MakeSuite) -> None:
    bodies = [_lost(way, keeper) for way in _WAYS_TO_FAIL for keeper in _KEEPERS]
    bodies += [_LENIENT.format(way=way, failure=failure) for way, failure in _WAYS_TO_FAIL.items()]
    session = make_suite(_LOST + "".join(bodies)).run()
    verdicts = session.verdicts()
    assert len(verdicts) == 2 + len(_WAYS_TO_FAIL) * (len(_KEEPERS) + 2)
    # What pytest.fail raises is not caught by everything.
    assert {name for name, verdict in verdicts.items() if verdict != "error"} <= {"test_pool_with_a_callback_fail"}
    assert "pass" not in verdicts.values()
    reasons = {case.test.partition("::")[2]: case.reason for case in session.report.cases}
    assert "of expect_nobody failed, and something around it" in reasons["test_pool_helper"]
    assert "failed and was caught, and nothing was judged afterwards" in reasons["test_tried_assert"]
    assert "an assertion failed in a thread, or was not come to: assert" in reasons["test_thread_assert"]
    assert "KeyError: 'nobody'" in reasons["test_thread_that_dies_before_it_asserts"]
    assert "still runs, and nobody hears of its assertions" in reasons["test_thread_that_fails_later"]


def test_an_assertion_that_the_test_itself_hears_is_none(make_suite: MakeSuite) -> None:
    session = make_suite(_HEARD).run()
    assert session.verdicts() == dict.fromkeys(session.verdicts(), "pass")
    assert len(session.verdicts()) == 4


def test_assertions_of_a_thread_that_is_older_than_the_test_are_not_its_own(make_suite: MakeSuite) -> None:
    session = make_suite("""
        import pytest, threading

        @pytest.fixture(scope="module")
        def watched():
            end, looked = threading.Event(), threading.Event()
            def look():
                while not end.wait(0.01):
                    assert threading.current_thread().name
                    looked.set()
            thread = threading.Thread(target=look)
            thread.start()
            yield looked
            end.set()
            thread.join()

        def test_a(watched):
            watched.clear()
            watched.wait()
    """).run()
    assert session.verdicts() == {"test_a": "error"}


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
