# SPDX-License-Identifier: Apache-2.0
"""What kept tests out of a run is on the terminal and in the report, by the option, variable or file that did it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.report.recorded_suite import Session, Suite

MakeSuite = Callable[[str], Suite]

# Four tests of two functions, one of a class, and one in a file of its own.
SOURCE = """
    @pytest.mark.requirement("TST-REQ-01")
    def test_a(bench): ...

    @pytest.mark.requirement("TST-REQ-02")
    def test_b(bench): ...

    class TestC:
        def test_c(self): ...
"""


@pytest.fixture
def suite(make_suite: MakeSuite) -> Suite:
    suite = make_suite(SOURCE)
    suite.write("part/test_part.py", "def test_d(): ...\n")
    return suite


def _narrowings(session: Session) -> list[str]:
    """The reported narrowings, checked to be the same on the terminal, in the data and on the page."""
    expected = [line for line in session.output.splitlines() if line.startswith("narrowed: ")]
    assert [str(each) for each in session.report.run.narrowed] == expected
    page = (session.folder / "index.html").read_text().replace("&#39;", "'")
    assert all(f"<li>{line}</li>" in page for line in expected)
    if expected:
        assert session.output.splitlines()[-1].startswith("qualification: ")
        assert session.output.splitlines()[-2] == expected[-1]
    return expected


def test_a_whole_run_is_not_narrowed(suite: Suite) -> None:
    session = suite.run()
    assert (_narrowings(session), len(session.report.cases)) == ([], 6)


@pytest.mark.parametrize("name", ["build", "dist", "tests.egg"])
def test_a_folder_that_pytest_passes_over_narrows(suite: Suite, name: str) -> None:
    suite.write(f"{name}/test_more.py", "def test_e(): ...\n")
    reason = f"pytest, which passes over folders named '{name}' (norecursedirs)"
    assert _narrowings(suite.run()) == [f"narrowed: 1 test function not collected, by {reason}"]


HERE = "(on the command line)"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["-ktest_a"], [f"4 tests deselected, by -k 'test_a' {HERE}"]),
        (
            ["-k", "not test_d", "-m", "requirement", "--deselect", "test_it.py::test_b"],
            [
                f"2 tests deselected, by --deselect test_it.py::test_b {HERE}",
                f"1 test deselected, by -k 'not test_d' {HERE}",
                f"1 test deselected, by -m 'requirement' {HERE}",
            ],
        ),
        (
            ["--ignore-glob=*part*", "-o", "python_functions=test_a"],
            [
                f"1 test function not collected, by --ignore-glob *part* {HERE}",
                f"2 test functions not collected, by python_functions = test_a {HERE}",
            ],
        ),
    ],
    ids=["one word", "deselecting", "not collecting"],
)
def test_options_narrow(suite: Suite, options: list[str], expected: list[str]) -> None:
    session = suite.run(*options)
    assert sorted(_narrowings(session)) == sorted(f"narrowed: {text}" for text in expected)


def test_a_function_that_a_later_one_hides_is_told(make_suite: MakeSuite) -> None:
    suite = make_suite("""
        def test_a(request):
            assert not request.node

        class TestB:
            def test_b(self, request):
                assert not request.node

            def test_b(self, request):
                assert request.node

        def test_a(request):
            assert request.node
    """)
    assert sorted(_narrowings(suite.run())) == [
        "narrowed: 1 test function not collected, by a later function of the same name (TestB.test_b in test_it.py:7)",
        "narrowed: 1 test function not collected, by a later function of the same name (test_a in test_it.py:3)",
    ]


def test_a_variable_narrows_and_is_shown(suite: Suite) -> None:
    suite.environment["PYTEST_ADDOPTS"] = "--ignore part -k 'not test_b'"
    session = suite.run()
    assert _narrowings(session) == [
        "narrowed: 2 tests deselected, by -k 'not test_b' (in PYTEST_ADDOPTS)",
        "narrowed: 1 test function not collected, by --ignore part (in PYTEST_ADDOPTS)",
    ]
    assert session.report.run.surroundings["PYTEST_ADDOPTS"] == "--ignore part -k 'not test_b'"
    assert "<dt>PYTEST_ADDOPTS</dt>" in (session.folder / "index.html").read_text()


def test_a_file_of_settings_narrows_and_is_shown(suite: Suite) -> None:
    settings = "addopts = -m requirement\nnorecursedirs = part\npython_classes = Nothing\n"
    file = suite.write("pytest.ini", f"[pytest]\n{settings}python_files = test_*.py\n")
    suite.write("other_test.py", "def test_e(): ...\n")
    session = suite.run("-m", "not nothing")
    assert sorted(_narrowings(session)) == [
        f"narrowed: 1 test function not collected, by norecursedirs = part (in {file})",
        f"narrowed: 1 test function not collected, by python_classes = Nothing (in {file})",
        f"narrowed: 1 test function not collected, by python_files = test_*.py (in {file})",
    ]
    assert session.report.run.surroundings["ini file"] == str(file)
    assert session.report.run.surroundings["addopts of the ini file"] == "-m requirement"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("collect_ignore = ['test_part.py']", "1 test function not collected, by collect_ignore in part/conftest.py"),
        (
            "def pytest_ignore_collect(collection_path): return True",
            "1 test function not collected, by a plugin or a conftest (pytest_ignore_collect)",
        ),
        (
            "def pytest_collection_modifyitems(items): del items[:2]",
            "2 tests deselected, by the plugin {folder}/part/conftest.py",
        ),
        (
            "def pytest_collection_finish(session): session.items.pop()",
            "1 test deselected, by a plugin or a conftest",
        ),
    ],
    ids=["collect_ignore", "ignore hook", "modify hook", "finish hook"],
)
def test_a_conftest_narrows(suite: Suite, line: str, expected: str) -> None:
    suite.write("part/conftest.py", f"{line}\n")
    expected = expected.format(folder=suite.folder)
    assert _narrowings(suite.run()) == [f"narrowed: {expected}"]


def test_a_conftest_above_the_suites_narrows_and_is_shown(suite: Suite) -> None:
    inner = Suite(suite.folder / "inner")
    inner.write("conftest.py", 'pytest_plugins = ["harness.report.recorder"]\n')
    inner.write("test_it.py", "def test_a(): ...\n\ndef test_b(): ...\n")
    inner.write("requirements.sdoc", (suite.folder / "requirements.sdoc").read_text())
    suite.write("pytest.ini", "[pytest]\n")
    above = suite.write("conftest.py", "def pytest_collection_modifyitems(items): del items[1:]\n")
    session = inner.run()
    assert _narrowings(session) == [f"narrowed: 1 test deselected, by the plugin {above}"]
    assert session.report.run.surroundings["conftest files above the suites"] == str(above)


def test_paths_and_files_that_skip_themselves_narrow(suite: Suite) -> None:
    suite.write(
        "part/test_part.py", "import pytest\npytest.skip('later', allow_module_level=True)\ndef test_d(): ...\n"
    )
    assert _narrowings(suite.run()) == ["narrowed: 1 test function not collected, by the file itself: Skipped: later"]
    given = "the paths that were asked for: test_it.py::test_a"
    assert _narrowings(suite.run_paths("test_it.py::test_a")) == [
        f"narrowed: 3 test functions not collected, by {given} {HERE}"
    ]


@pytest.mark.parametrize(
    ("options", "variable", "by"),
    [
        (["-x"], "", "--maxfail=1 (on the command line)"),
        ([], "--maxfail=1", "--maxfail=1 (in PYTEST_ADDOPTS)"),
        (["-p", "stopping"], "", "enough for today"),
    ],
)
def test_what_ends_a_run_early_narrows(make_suite: MakeSuite, options: list[str], variable: str, by: str) -> None:
    suite = make_suite("""
        def test_a():
            assert False

        def test_b(): ...

        def test_c(): ...
    """)
    suite.write("stopping.py", "def pytest_runtest_teardown(item):\n    item.session.shouldstop = 'enough for today'\n")
    suite.environment["PYTEST_ADDOPTS"] = variable
    assert _narrowings(suite.run(*options)) == [f"narrowed: 2 tests not run, by {by}"]
