# SPDX-License-Identifier: Apache-2.0
"""A device without room for a region is no failure; one that refuses it in another way, or loses others by it, is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench import shipped_suites
from tests.bench.mini_suite import CHECKOUT


@pytest.mark.parametrize(
    ("how", "verdict"), [("no-room", "skipped"), ("no-permission", "fail"), ("others-lost", "fail")]
)
def test_only_a_device_without_room_leaves_a_size_out(how: str, verdict: str, tmp_path: Path) -> None:
    plugin = ("-p", "tests.bench.large_regions", "--large-regions", how)
    suites = ["suites/isolation/test_borders.py"]
    chosen = ("-k", "after_detach and 5000 and pci", "--no-false-answers")
    done = shipped_suites.run(CHECKOUT / "boards.yaml", "qemu-x86_64", suites, tmp_path, *plugin, *chosen)
    cases = json.loads((tmp_path / "latest/results.json").read_text())["cases"]
    assert {case["verdict"] for case in cases} == {verdict}, done.stdout
    assert len(cases) == 2
