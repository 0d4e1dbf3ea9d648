# SPDX-License-Identifier: Apache-2.0
"""The last proof that the suites notice faults (``harness prove``), if it is of the commit that judges now.

A proof of some faults or by some suites says little of a qualification, and may be newer than one of all which failed.
So only proofs of all faults by all suites are looked at, and of them those that have a verdict.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from harness.report.evidence.model import Proof

COPY: Final = "prove.json"
_PROOFS: Final = "prove-*/prove.json"
_VERDICTS: Final = ("PASS", "FAIL")


def newest(reports: Path, commit: str) -> tuple[Path, Proof] | None:
    """The file and the facts of the newest whole proof below the folder ``reports`` that is of this commit as it is."""
    if not commit or "+" in commit:
        return None
    found = [(path, proof) for path, proof in _all(reports) if proof.commit == commit]
    return max(found, key=lambda each: each[1].started, default=None)


def take(source: Path, run: Path) -> None:
    """Keep the proof with the run, whose folder is read elsewhere. Raises OSError."""
    shutil.copyfile(source, run / COPY)


def _all(reports: Path) -> Iterator[tuple[Path, Proof]]:
    for path in reports.glob(_PROOFS):
        try:
            data: Any = json.loads(path.read_text(encoding="utf-8"))
            whole = data["whole"] is True and data["verdict"] in _VERDICTS
            proof = Proof(
                id=str(data["id"]),
                started=str(data["started"]),
                commit=str(data["harness_commit"]),
                command=str(data["command"]),
                verdict=str(data["verdict"]),
                faults=int(data["faults"]),
                caught=int(data["caught"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            # One that is being written, or of another version.
            continue
        if whole and proof.faults:
            yield path, proof
