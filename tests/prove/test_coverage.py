# SPDX-License-Identifier: Apache-2.0
"""Every requirement of the catalogue is tried somewhere in the embedded default, or docs/coverage.md says why not."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from harness.shmem.requirements import load_requirements
from tests import programs

CHECKOUT = Path(__file__).parents[2]
SECONDS = programs.PATIENCE


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Requirements by test, of all tests that the embedded benches would run."""
    found = tmp_path_factory.mktemp("collected") / "requirements.json"
    run = programs.run(
        [
            *(*programs.PYTEST, "suites", "--collect-only", "-q", "--lg-env", "boards.yaml"),
            *("-p", "tests.prove.collecting"),
        ],
        cwd=CHECKOUT,
        env={**os.environ, "REQUIREMENTS_TO": str(found)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    data: dict[str, list[str]] = json.loads(found.read_text())
    return data


def excused() -> dict[str, str]:
    """The reasons of docs/coverage.md by requirement."""
    text = (CHECKOUT / "docs" / "coverage.md").read_text()
    return dict(re.findall(r"^\| ([A-Z]+-[A-Z]+-\d\d) \| (.*) \|$", text, re.MULTILINE))


def test_every_requirement_has_a_test_or_a_reason(tried: dict[str, list[str]]) -> None:
    named = {name for requirements in tried.values() for name in requirements}
    silent = load_requirements().keys() - named - excused().keys()
    assert not silent, f"neither a test nor a reason in docs/coverage.md: {', '.join(sorted(silent))}"


def test_no_reason_is_out_of_date(tried: dict[str, list[str]]) -> None:
    named = {name for requirements in tried.values() for name in requirements}
    assert not excused().keys() & named
    assert excused().keys() <= load_requirements().keys()
    assert all(len(reason) > 20 for reason in excused().values())


def test_every_test_of_the_suites_names_a_requirement(tried: dict[str, list[str]]) -> None:
    assert not [test for test, requirements in tried.items() if not requirements]
