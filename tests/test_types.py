# SPDX-License-Identifier: Apache-2.0
"""The type checker finds mistakes in a suite before it runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests import programs

CHECKOUT = Path(__file__).parents[1]
SUITE = """\
from fixtures.bench import Bench
from fixtures.deployment import Deploy
from fixtures.guest import Guest, Region


def members(guest: Guest, region: Region) -> set[int]:
    return region.members()


def test_it(deploy: Deploy, bench: Bench) -> None:
    one, two = deploy("allow a", "")
    region = one.attach("a")
    {line}
"""


MISTAKES = {
    "members(one, region)": "",
    "members(region, one)": 'Argument 1 to "members" has incompatible type "Region"; expected "Guest"',
    "one.request('a').region.members()": 'Item "None" of "Region | None" has no attribute "members"',
    "two.attach(region)": 'Argument 1 to "attach" of "Guest" has incompatible type "Region"; expected "str"',
    "region.signal(two)": 'Argument 1 to "signal" of "Region" has incompatible type "Guest"; expected "int"',
    "one.listen('wire')": 'Argument 1 to "listen" of "Guest" has incompatible type',
    "deploy(bench)": 'Argument 1 to "__call__" of "Deploy" has incompatible type "Bench"',
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What mypy says of a suite with a line, by the line. One run looks at all of them."""
    folder = tmp_path_factory.mktemp("suites")
    suites = {line: folder / f"test_{number}.py" for number, line in enumerate(MISTAKES)}
    for line, suite in suites.items():
        suite.write_text(SUITE.format(line=line))
    # The settings of the checkout and what it knows of the harness already; the suites are the only thing to look at.
    run = programs.run(
        [sys.executable, "-m", "mypy", "--config-file", CHECKOUT / "pyproject.toml", *suites.values()],
        cwd=CHECKOUT, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 1, run.stdout + run.stderr
    lines = run.stdout.splitlines()
    return {line: "\n".join(text for text in lines if suite.name in text) for line, suite in suites.items()}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_in_a_suite_is_refused_before_it_runs(said: dict[str, str], line: str) -> None:
    assert MISTAKES[line] in said[line]
    assert ("error: " in said[line]) == bool(MISTAKES[line]), said[line]
