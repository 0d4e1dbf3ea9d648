# SPDX-License-Identifier: Apache-2.0
"""The JUnit file, which CI reads, says of each test what the report says, whatever a conftest keeps from pytest."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.report.evidence import reader
from harness.report.evidence.document import accepted
from harness.report.evidence.model import Case
from tests import programs
from tests.bench.mini_suite import MiniSuite, fake
from tests.report.recorded_suite import Suite

MakeSuite = Callable[[str], Suite]

ENDS = """
    import os

    class TestOfAClass:
        @pytest.mark.parametrize("text", ["a::b", "x\\x1b"])
        def test_assertion(self, text): assert text == "the device is wrong"

    def test_exception(): raise KeyError("a bug")

    def test_good(): assert os.getpid() > 0

    @pytest.mark.known_failure(reason="r", link="l", expires="2999-01-01")
    def test_known(): assert os.getpid() == 0

    @pytest.mark.xfail
    def test_expected(): assert os.getpid() == 0

    def test_left_out(): pytest.skip("no time")

    @pytest.fixture
    def no_setup(): raise OSError("no bench")

    @pytest.fixture
    def no_teardown():
        yield
        raise OSError("no end")

    def test_setup(no_setup): assert os.getpid() > 0

    def test_teardown(no_teardown): assert os.getpid() > 0

    def test_both(no_teardown): assert os.getpid() == 0
"""

SWALLOWS = {
    "nothing": "",
    "outcome": """
        @pytest.hookimpl(hookwrapper=True)
        def pytest_runtest_call(item):
            outcome = yield
            if outcome.excinfo: outcome.force_result(None)
    """,
    "call": """
        @pytest.hookimpl(tryfirst=True)
        def pytest_pyfunc_call(pyfuncitem):
            names = pyfuncitem._fixtureinfo.argnames
            try: pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names})
            except Exception as error: print("known issue", error)
            return True
    """,
    "excinfo": """
        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_makereport(item, call): call.excinfo = None
    """,
    "outcome of a report": """
        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_logreport(report): report.outcome = "passed"
    """,
    "skipped": """
        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_runtest_makereport(item, call):
            report = yield
            if report.failed: report.outcome, report.longrepr = "skipped", ("file", 1, "why")
            return report
    """,
}


def _end(element: ElementTree.Element) -> str:
    return next((name for name in ("failure", "error", "skipped") if element.find(name) is not None), "good")


def _ends(file: Path) -> Counter[str]:
    """How the test cases of a file end, after a look at what its suites count."""
    root = ElementTree.parse(file).getroot()
    found: Counter[str] = Counter()
    for suite in root.iter("testsuite"):
        ends = Counter(map(_end, suite.findall("testcase")))
        counted = [int(suite.get(name, "-1")) for name in ("tests", "failures", "errors", "skipped")]
        assert counted == [ends.total(), ends["failure"], ends["error"], ends["skipped"]]
        found += ends
    return found


def _wanted(case: Case) -> str:
    ends = {"fail": "skipped" if accepted(case) else "failure", "error": "error", "skipped": "skipped"}
    return ends.get(case.verdict, "good")


@pytest.mark.parametrize(
    ("swallow", "options"),
    [
        *((swallow, ()) for swallow in SWALLOWS),
        ("nothing", ("--junitxml=ci.xml", "--junit-prefix=nightly")),
        ("outcome", ("--junitxml=ci.xml", "--junit-prefix=nightly")),
        ("excinfo", ("-p", "no:junitxml")),
    ],
)
def test_each_case_ends_as_the_report_says(make_suite: MakeSuite, swallow: str, options: tuple[str, ...]) -> None:
    suite = make_suite(ENDS)
    suite.write("inner/conftest.py", "import pytest\n" + SWALLOWS[swallow].replace("\n        ", "\n"))
    (suite.folder / "test_it.py").rename(suite.folder / "inner/test_it.py")
    session = suite.run(*options)
    assert session.status in (1, 2), session.output
    expected = Counter(map(_wanted, session.report.cases))
    assert {"error", "good"} <= set(expected), session.output
    files = [session.folder / "junit.xml", *(suite.folder / "ci.xml" for option in options if "ci.xml" in option)]
    for file in files:
        assert _ends(file) == expected, file.read_text()
        for element in ElementTree.parse(file).iter("testcase"):
            for end in (child for child in element if child.tag in ("failure", "error", "skipped")):
                assert end.get("message") or end.text, file.read_text()


def test_the_reason_is_the_one_of_the_report(make_suite: MakeSuite) -> None:
    suite = make_suite("import os\ndef test_a(): assert os.getpid() == 0, 'the device is wrong'\n")
    suite.write(
        "conftest.py", (suite.folder / "conftest.py").read_text() + SWALLOWS["outcome"].replace("\n        ", "\n")
    )
    session = suite.run()
    (case,) = ElementTree.parse(session.folder / "junit.xml").iter("testcase")
    (error,) = case.findall("error")
    assert error.get("message") == error.text == session.report.cases[0].reason


def _qualified(mini: MiniSuite, *arguments: str) -> int:
    command = [*programs.PYTEST[:1], "-m", "harness", "qualify", "--lg-env", "benches.yaml", *arguments]
    run = programs.run(
        command, cwd=mini.folder, env=mini.variables(), capture_output=True, text=True, check=False
    )  # fmt: skip
    return run.returncode


@pytest.mark.parametrize(
    ("swallow", "ends"), [("nothing", {"good": 1, "failure": 1, "error": 2}), ("outcome", {"good": 1, "error": 3})]
)
def test_a_qualification_has_the_cases_of_all_sessions(tmp_path: Path, swallow: str, ends: dict[str, int]) -> None:
    mini = MiniSuite(tmp_path)
    mini.test("def test_1(bench): assert bench.name == 'left'\ndef test_2(bench): raise KeyError(bench)\n")
    mini.write("inner/conftest.py", "import pytest\n" + SWALLOWS[swallow].replace("\n        ", "\n"))
    (mini.folder / "test_it.py").rename(mini.folder / "inner/test_it.py")
    mini.benches(left=fake(), right=fake())
    assert _qualified(mini, "inner") in (1, 2)
    assert _ends(tmp_path / "reports/latest/junit.xml") == Counter(ends)


def test_what_a_second_attempt_mends_is_mended_in_the_file(tmp_path: Path) -> None:
    mini = MiniSuite(tmp_path)
    mini.test(
        "import pathlib\ndef test_1(bench):\n    if pathlib.Path('broken').exists(): raise OSError\n    assert bench\n"
    )
    mini.write("broken", "")
    mini.benches(left=fake(), right=fake())
    assert _qualified(mini, ".") == 2
    (mini.folder / "broken").unlink()
    first = (mini.folder / "reports/latest").resolve()
    assert _qualified(mini, ".", "--rerun", str(first)) in (0, 4)
    assert _ends(tmp_path / "reports/latest/junit.xml") == Counter(good=2)


def test_a_session_that_is_killed_fails_in_the_file(tmp_path: Path) -> None:
    mini = MiniSuite(tmp_path)
    mini.test(
        "import os\ndef test_1(bench): assert bench\ndef test_2(bench): pytest.skip('no time')\n"
        "def test_3(bench): os.kill(os.getpid(), 9)\n"
    )
    mini.benches(left=fake())
    assert _qualified(mini, ".") == 2
    file = tmp_path / "reports/latest/junit.xml"
    # pytest has written none of these.
    assert _ends(file) == Counter(good=1, skipped=1, error=1)
    assert "no time" in file.read_text()
    assert "pytest was ended by SIGKILL" in file.read_text()
    assert reader.read(file.parent).run.exit_status == 2


def test_a_run_that_was_used_wrongly_fails_in_the_file(tmp_path: Path) -> None:
    """Whatever its sessions have written; a bench that has none of the selected tests is no error beside another."""
    mini = MiniSuite(tmp_path)
    mini.test("def test_1(bench): assert bench\n")
    mini.benches(left=fake(), right=fake())
    file = tmp_path / "reports/latest/junit.xml"
    assert _qualified(mini, ".", "-k", "nothing_like_it") == 3
    assert _ends(file) == Counter(error=1)
    assert "no test was selected" in file.read_text()
    assert _qualified(mini, ".", "-k", "left") == 4
    assert _ends(file) == Counter(good=1)


@pytest.mark.parametrize("refused", ["-k nothing_like_it", "--bench nowhere"])
def test_a_session_that_was_used_wrongly_fails_in_the_file(tmp_path: Path, refused: str) -> None:
    mini = MiniSuite(tmp_path)
    mini.test("def test_1(bench): assert bench\n")
    mini.benches(left=fake())
    assert mini.run(*refused.split()).returncode == 3
    assert _ends(tmp_path / "reports/latest/junit.xml") == Counter(error=1)
