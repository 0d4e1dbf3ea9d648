# SPDX-License-Identifier: Apache-2.0
"""The short proof: a dozen faults of all groups, each caught on the real benches by a requirement of its group."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from harness.prove.groups import MATCHING, SHORT, matches
from tests import programs

CHECKOUT = Path(__file__).parents[2]
SECONDS = programs.PATIENCE


def test_a_dozen_faults_are_caught(tmp_path: Path) -> None:
    assert len(SHORT) >= 12
    run = programs.run(
        [sys.executable, "-m", "harness", "prove", "--short", "--out", str(tmp_path)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    (path,) = tmp_path.glob("prove-*/prove.json")
    proofs = json.loads(path.read_text())["proofs"]
    assert [proof["fault"] for proof in proofs] == list(SHORT)
    assert {proof["group"] for proof in proofs} == set(MATCHING)
    for proof in proofs:
        assert proof["outcome"] == "caught", proof
        assert matches(proof["group"], proof["catch"]["requirements"]), proof
