# SPDX-License-Identifier: Apache-2.0
"""What pytest is asked instead of running tests is no run: no report, no verdict, no bench."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.report.recorded_suite import SECONDS, Suite

MakeSuite = Callable[[str], Suite]

SOURCE = """
    import pathlib

    @pytest.fixture(scope="session")
    def guest():
        pathlib.Path("started").touch()

    @pytest.mark.requirement("TST-REQ-01")
    def test_a(bench, guest): ...
"""


@pytest.fixture(scope="module")
def suite(make_suite: MakeSuite) -> Suite:
    """One suite for all questions: each leaves nothing behind."""
    return make_suite(SOURCE)


def _ask(suite: Suite, *options: str) -> str:
    process = suite.start(*options)
    output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, output
    assert not (suite.folder / "reports").exists()
    assert not (suite.folder / "started").exists()
    assert "qualification" not in output
    assert "FAIL" not in output.replace("FAILED", "")
    assert "generated xml" not in output
    return output


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("--markers", "@pytest.mark.requirement"),
        ("--fixtures", "access_matrix"),
        ("--fixtures-per-test", "test_a"),
        ("--collect-only", "<Function test_a[left]>"),
        ("--version", "pytest "),
        ("--help", "--report-dir"),
        ("--setup-plan", "guest"),
    ],
)
def test_an_answer_is_no_run(suite: Suite, question: str, answer: str) -> None:
    assert answer in _ask(suite, question)


def test_a_question_in_a_variable_is_one_too(suite: Suite) -> None:
    asking = Suite(suite.folder, {"PYTEST_ADDOPTS": "--setup-plan"})
    assert "test_a[left]" in _ask(asking)


def test_a_question_that_only_a_plugin_knows_is_one_too(suite: Suite) -> None:
    suite.write(
        "asking.py",
        """
        from _pytest.main import wrap_session

        def pytest_addoption(parser):
            parser.addoption("--dead-fixtures", action="store_true")

        def pytest_cmdline_main(config):
            if config.option.dead_fixtures:
                return wrap_session(config, lambda config, session: print("no dead fixtures"))
        """,
    )
    process = suite.start("-p", "asking", "--dead-fixtures")
    output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, output
    assert "no dead fixtures" in output
    # The JUnit plugin knows no better and says that it wrote a file; it is gone.
    assert "qualification" not in output
    assert not (suite.folder / "reports").exists()
