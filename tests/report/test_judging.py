# SPDX-License-Identifier: Apache-2.0
"""A test that judged nothing is an error; every kind of judgement counts."""

from __future__ import annotations

import os
import re
import sys
import textwrap
from collections.abc import Callable

import pytest

from tests import programs
from tests.report.judging_alls import ALLS
from tests.report.judging_bodies import BODIES
from tests.report.recorded_suite import Session, Suite

MakeSuite = Callable[[str], Suite]


@pytest.fixture(scope="module")
def judged(make_suite: MakeSuite) -> tuple[Session, Session]:
    """The same suite twice: the second time, pytest has the modules in its cache."""
    suite = make_suite(BODIES + ALLS)
    return suite.run(), suite.run()


def test_what_judges_nothing_is_an_error_and_nothing_else_is(judged: tuple[Session, Session]) -> None:
    for session in judged:
        verdicts = session.verdicts()
        expected = {name: {True: {"pass", "recorded"}, False: {"error"}}["good" in name] for name in verdicts}
        assert len(verdicts) > 25
        assert {name: verdict for name, verdict in verdicts.items() if verdict not in expected[name]} == {}
        assert session.status == 2


def test_the_reason_says_so(judged: tuple[Session, Session]) -> None:
    reasons = {case.test.partition("::")[2]: case.reason for case in judged[0].report.cases}
    assert "the test judged nothing" in reasons["test_empty_body[left]"]
    assert "the characterisation recorded nothing" in reasons["test_characterisation_without_a_record[left]"]
    assert re.search(r"\b1 passed", judged[0].output) is None


def test_modules_that_pytest_has_cached_without_counting_count_all_the_same(make_suite: MakeSuite) -> None:
    suite = make_suite("def test_a(bench): assert bench")
    plain = [sys.executable, "-m", "pytest", "-q", "--collect-only", "test_it.py"]
    (suite.folder / "conftest.py").rename(suite.folder / "kept")
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    programs.run(plain, cwd=suite.folder, env=environment, capture_output=True, check=True)
    assert list((suite.folder / "__pycache__").glob("test_it*.pyc"))
    (suite.folder / "kept").rename(suite.folder / "conftest.py")
    assert suite.run().verdicts() == {"test_a[left]": "pass", "test_a[right]": "pass"}


def test_a_module_that_lists_its_own_names_finds_no_other(make_suite: MakeSuite) -> None:
    """Modules of plugins are rewritten as well, and hypothesis compares its names with a list."""
    names = "NAMES = {name for name in dir() if name[0] not in '_@' and name != 'pytest'}\n"
    suite = make_suite(f"{names}\ndef test_a(bench): assert NAMES == set(bench and [])")
    assert suite.run().verdicts() == {"test_a[left]": "pass", "test_a[right]": "pass"}


CHECKS = """
    import sys, types

    package, functions = types.ModuleType("pytest_check"), types.ModuleType("pytest_check.check_functions")
    functions.equal = package.equal = lambda left, right: left == right
    functions.__all__ = ["equal"]
    package.check = types.SimpleNamespace(equal=functions.equal)
    sys.modules |= {"pytest_check": package, "pytest_check.check_functions": functions}
"""


def test_functions_of_pytest_check_count_when_they_are_called(make_suite: MakeSuite) -> None:
    """The plugin's own shape: functions on an object, on the package and in a module, which never raise."""
    suite = make_suite("""
        from pytest_check import check, equal

        def test_object():
            check.equal(len([1]), 1)

        def test_function():
            equal(len([1]), 1)

        def test_nothing():
            for name in []:
                check.equal(name, 1)
    """)
    conftest = suite.folder / "conftest.py"
    conftest.write_text(conftest.read_text() + textwrap.dedent(CHECKS))
    verdicts = {case.test.partition("::")[2]: case.verdict for case in suite.run().report.cases}
    assert verdicts == {"test_object": "pass", "test_function": "pass", "test_nothing": "error"}


def test_a_table_without_entries_is_an_error(make_suite: MakeSuite) -> None:
    session = make_suite("""
        def test_good():
            assert len(sorted("ab")) == int("2")

        @pytest.mark.parametrize("number", [])
        def test_each(number):
            assert number
    """).run("-o", "empty_parameter_set_mark=skip")
    assert session.status == 2
    assert "Empty parameter set" in session.output
