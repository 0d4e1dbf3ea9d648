# SPDX-License-Identifier: Apache-2.0
"""The examples do what their README says, by the commands that it gives, in a folder that looks like the checkout."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from harness.provision.linux.driver import MODULE, has_headers, linux_driver
from tests import programs

CHECKOUT: Final = Path(__file__).parents[2]
SECONDS: Final = 300
OWN: Final = ("examples", "reports")
RUNNERS: Final[Mapping[str, list[str]]] = {
    "pytest": [*programs.PYTEST],
    "harness": [sys.executable, "-m", "harness"],
}


def commands(heading: str) -> list[list[str]]:
    """The commands under a heading of the README."""
    text = (CHECKOUT / "examples/README.md").read_text()
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [shlex.split(line) for line in re.findall(r"^    (.+)$", section, re.MULTILINE)]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Links to all that the checkout has, but a copy of the examples, and reports of its own."""
    for path in CHECKOUT.iterdir():
        if path.name not in OWN and not path.name.startswith("."):
            (tmp_path / path.name).symlink_to(path)
    shutil.copytree(CHECKOUT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def run(checkout: Path, command: list[str]) -> str:
    """Run a command that has to succeed; what it said."""
    program, *arguments = command
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("LG_", "PYTEST_"))}
    done = programs.run(
        [*RUNNERS[program], *arguments],
        cwd=checkout,
        env=inherited,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def results(checkout: Path) -> dict[str, Any]:
    """What the newest report holds."""
    found: dict[str, Any] = json.loads((checkout / "reports/latest/results.json").read_text())
    return found


def verdicts(checkout: Path) -> dict[str, str]:
    """Verdict by requirement of the newest report."""
    return {entry["requirement"]: entry["verdict"] for entry in results(checkout)["results"]}


def test_the_minimal_suite(checkout: Path) -> None:
    (command,) = commands("A minimal suite")
    assert run(checkout, command).splitlines()[-1].startswith("qualification: PARTIAL  report: ")
    assert verdicts(checkout) == dict.fromkeys(["SHM-ALLOW-02", "SHM-ALLOW-03", "SHM-ALLOW-04"], "pass")


def test_the_known_failure_is_shown_and_accepted(checkout: Path) -> None:
    (command,) = commands("A known failure")
    run(checkout, command)
    assert verdicts(checkout) == {"SHM-DENY-01": "fail", "SHM-DENY-02": "pass"}
    failed = next(entry for entry in results(checkout)["results"] if entry["verdict"] == "fail")
    assert failed["known_failure"]["reason"] == "the device does not look at the list"


def test_the_own_board(checkout: Path) -> None:
    check, suite = commands("A board of your own")
    assert "desk" in run(checkout, check)
    run(checkout, suite)
    assert {entry["bench"] for entry in results(checkout)["results"]} == {"desk"}
    assert set(verdicts(checkout).values()) == {"pass"}


def test_the_own_driver(checkout: Path) -> None:
    if not has_headers("aarch64"):
        pytest.skip("it is not known which packages of this distribution hold the kernel's headers")
    (command,) = commands("A driver of your own")
    shutil.copy(linux_driver("aarch64").path / MODULE, checkout / "examples/own-driver")
    run(checkout, command)
    assert verdicts(checkout) == {"SHM-ALLOW-03": "pass", "SHM-ALLOW-04": "pass"}
