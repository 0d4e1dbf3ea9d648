# SPDX-License-Identifier: Apache-2.0
"""Suites pass on benches whose devices have other readings of the open questions than the presets."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from harness.emulator.service.host import IMPOSSIBLE
from harness.shmem.profile import FIELDS
from tests import other_readings
from tests.bench import shipped_suites

BENCHES = tuple(yaml.safe_load(other_readings.FILE.read_text())["targets"])
SUITES = (
    *("suites/access", "suites/characterisation", "suites/data", "suites/host", "suites/isolation"),
    *("suites/lifecycle", "suites/notification", "suites/placement", "suites/registers"),
)


def test_the_file_is_what_is_written() -> None:
    assert other_readings.FILE.read_text() == other_readings.text(), "run: python -m tests.other_readings"


def test_every_reading_is_on_a_bench_or_has_a_reason_not_to_be() -> None:
    on_benches = {item for bench in other_readings.drawn() for item in bench.items()}
    missing = {
        (field, reading)
        for field, about in FIELDS.items()
        for reading in about.readings
        if reading != about.default and field != other_readings.OF_THE_BENCH
    } - on_benches
    assert missing == IMPOSSIBLE.keys() | other_readings.CONTRADICTED.keys() | set(other_readings.UNTRIED)


@pytest.mark.long
@pytest.mark.parametrize("bench", BENCHES)
def test_suites_pass_on_other_readings(bench: str, tmp_path: Path) -> None:
    options = ("-q", "--no-header", "--no-false-answers")
    done = shipped_suites.run(other_readings.FILE, bench, SUITES, tmp_path / "report", *options)
    assert done.returncode == 0, done.stdout
    assert "qualification: PARTIAL" in done.stdout
