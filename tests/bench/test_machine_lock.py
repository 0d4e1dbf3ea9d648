# SPDX-License-Identifier: Apache-2.0
"""Sessions side by side on one machine: a test that measures runs alone."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from tests import programs
from tests.bench.mini_suite import MiniSuite, fake

QUALIFY = (sys.executable, "-m", "harness", "qualify", "test_it.py")

_BODY = """
import pathlib, time

pytestmark = pytest.mark.requirement("SHM-ALLOW-01")
LOG = pathlib.Path({log!r})
INSIDE = [pathlib.Path(name) for name in {inside!r}]

def meet():
    # Both sessions are in a test at the same time, however busy the machine is.
    INSIDE[0].touch()
    until = time.monotonic() + {patience}
    while not INSIDE[1].exists():
        assert time.monotonic() < until, "the other session did not come"
        time.sleep(0.01)

def stay(kind, seconds, meeting=False):
    began = time.monotonic()
    if meeting:
        meet()
    time.sleep(seconds)
    with LOG.open("a") as log:
        log.write(f"{{kind}} {{began}} {{time.monotonic()}}\\n")
    assert began

@pytest.mark.parametrize("number", range(15))
def test_one(bench, number):
    stay("other", 0.02, meeting=number == 0)

@pytest.mark.quiet
@pytest.mark.parametrize("number", range(3))
def test_two(bench, number):
    stay("quiet", 0.1)

@pytest.mark.parametrize("number", range(15))
def test_three(bench, number):
    stay("other", 0.02)
"""


@pytest.mark.parametrize(
    "command", ["pytest", pytest.param("qualify", marks=pytest.mark.long, id="two qualifications")]
)
def test_a_test_that_measures_is_alone(tmp_path: Path, command: str) -> None:
    suites = []
    (tmp_path / "lock").mkdir()
    for number in range(2):
        folder = tmp_path / f"suite{number}"
        folder.mkdir()
        suite = MiniSuite(folder)
        suite.benches(one=fake())
        inside = [str(tmp_path / f"inside{each}") for each in (number, 1 - number)]
        body = _BODY.format(log=str(tmp_path / f"log{number}"), inside=inside, patience=programs.PATIENCE)
        suite.write("test_it.py", "import pytest\n" + body)
        suites.append(suite)
    # In one word: pytest would take the folder, once it is there, for a path of tests.
    shared = ["--lg-env", "benches.yaml", f"--machine-lock={tmp_path / 'lock'}"]
    sessions = [
        programs.Program(
            suite.command(*shared) if command == "pytest" else [*QUALIFY, "--lg-env", "benches.yaml"],
            cwd=suite.folder,
            env={**suite.variables(), "SHMEM_HARNESS_CACHE": str(tmp_path / "cache")},
            stdout=subprocess.DEVNULL,
        )
        for suite in suites
    ]
    # The suites are a part of a scope: whole qualifications of it are PARTIAL.
    assert [session.wait(programs.PATIENCE) for session in sessions] == [0 if command == "pytest" else 4] * 2
    spans = sorted(
        (float(began), float(ended), kind, number)
        for number in range(2)
        for kind, began, ended in (line.split() for line in (tmp_path / f"log{number}").read_text().splitlines())
    )
    overlapping = [(first[2], second[2]) for first, second in pairwise(spans) if second[0] < first[1]]
    # They were side by side, or this shows nothing.
    assert ("other", "other") in overlapping
    assert not [kinds for kinds in overlapping if "quiet" in kinds]
    # Nobody comes between the measurements of one session: each would wait for the others' tests anew.
    for number in range(2):
        places = [place for place, (_, _, kind, whose) in enumerate(spans) if (kind, whose) == ("quiet", number)]
        assert places == list(range(places[0], places[0] + 3))
