# SPDX-License-Identifier: Apache-2.0
"""The short proof: a dozen faults of all groups, each caught on the real benches by a requirement of its group."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.emulator.faults.catalogue import catalogue
from harness.prove.groups import MATCHING, SHORT, matches
from tests import programs

CHECKOUT = Path(__file__).parents[2]
SECONDS = programs.PATIENCE


SOME = ("rules-last-match", "refused-region-mapped", "notify-lost")


@pytest.mark.long
def test_faults_of_three_groups_are_caught(tmp_path: Path) -> None:
    _are_caught(tmp_path, SOME, [word for name in SOME for word in ("--select", name)])


@pytest.mark.long
def test_a_dozen_faults_are_caught(tmp_path: Path) -> None:
    assert len(SHORT) >= 12
    assert {catalogue()[name].group for name in SHORT} == set(MATCHING)
    _are_caught(tmp_path, SHORT, ["--short"])


def _are_caught(folder: Path, names: Sequence[str], options: Sequence[str]) -> None:
    run = programs.run(
        [sys.executable, "-m", "harness", "prove", *options, "--out", str(folder)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    (path,) = folder.glob("prove-*/prove.json")
    proofs = json.loads(path.read_text())["proofs"]
    assert sorted(proof["fault"] for proof in proofs) == sorted(names)
    for proof in proofs:
        assert proof["outcome"] == "caught", proof
        assert matches(proof["group"], proof["catch"]["requirements"]), proof
