# SPDX-License-Identifier: Apache-2.0
"""The order of tests, and the suites together with foreign plugins: distributed tests, tests in another order."""

from __future__ import annotations

import json

import pytest

from tests.bench.mini_suite import MiniSuite, fake

_TESTS = """
@pytest.mark.parametrize("number", range(4))
def test_1(bench, number): assert bench

def test_2(bench): assert bench
"""

_STARTS = """
@pytest.mark.parametrize("start", range(2))
def test_1(bench, start): assert bench

@pytest.mark.parametrize("start", range(2))
def test_2(bench, start): assert bench

def test_3(bench): assert bench
"""


@pytest.mark.parametrize("given", ["option", "variable", "file"])
def test_workers_are_wrong_use_in_one_sentence_and_no_bench_is_started(mini: MiniSuite, given: str) -> None:
    mini.test(_TESTS)
    mini.benches(left=fake())
    mini.write("workers.py", "def pytest_addoption(parser): parser.addoption('--dist', default='no')\n")
    mini.environment["PYTHONPATH"] = f"{mini.variables()['PYTHONPATH']}:{mini.folder}"
    options = ["--dist=load"] if given == "option" else []
    if given == "variable":
        mini.environment["PYTEST_ADDOPTS"] = "--dist=load"
    if given == "file":
        mini.write("pytest.ini", "[pytest]\naddopts = --dist=load\n")
    run = mini.run("-p", "workers", *options)
    assert run.returncode == 3, run.stdout + run.stderr
    assert len(run.stderr.strip().splitlines()) == 1
    places = {"option": "on the command line", "variable": "in PYTEST_ADDOPTS", "file": "in addopts of pytest.ini"}
    assert (
        f"pytest-xdist (-n, --numprocesses, --dist {places[given]}) runs tests that the recorder does not see"
        in run.stderr
    )
    assert mini.host_log == []
    assert not (mini.folder / "reports").exists()


@pytest.mark.parametrize("hook", ["wrapper=True, tryfirst=True", "trylast=True"])
def test_a_plugin_that_shuffles_does_not_start_a_bench_twice(mini: MiniSuite, hook: str) -> None:
    mini.test(_TESTS)
    mini.benches(left=fake(), right=fake())
    between = "    yield\n" if "wrapper" in hook else ""
    mini.write(
        "shuffling.py",
        f"import pytest\n\n@pytest.hookimpl({hook})\ndef pytest_collection_modifyitems(items):\n{between}"
        "    items[:] = items[::2] + items[1::2][::-1]\n",
    )
    mini.environment["PYTHONPATH"] = f"{mini.variables()['PYTHONPATH']}:{mini.folder}"
    run = mini.run("-p", "shuffling")
    assert run.returncode == 0, run.stdout + run.stderr
    benches = [case["bench"] for case in mini.results()["cases"]]
    assert benches in (["left"] * 5 + ["right"] * 5, ["right"] * 5 + ["left"] * 5)
    assert len(mini.host_log) == 4
    numbers = [case["test"] for case in mini.results()["cases"] if case["bench"] == "left"]
    assert numbers != sorted(numbers), json.dumps(numbers)


def test_functions_that_walk_over_the_same_starts_share_them(mini: MiniSuite) -> None:
    """Each start costs guests: all tests of one come before the next start, in the order of the file."""
    mini.test(_STARTS)
    mini.benches(left=fake())
    run = mini.run()
    assert run.returncode == 0, run.stdout + run.stderr
    names = [case["test"].rpartition("::")[2] for case in mini.results()["cases"]]
    assert names == [f"test_{test}[left-pci-probe-serial-{start}]" for start in range(2) for test in (1, 2)] + [
        "test_3[left-pci-probe-serial]"
    ]
