# SPDX-License-Identifier: Apache-2.0
"""A run of ``harness prove --mutants`` on disk: ``mutate.json`` and a page that shows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from harness.errors import UsageError
from harness.prove.mutation.model import MutationReport
from harness.prove.pages import write_report
from harness.structured import StructureError, structure

RESULTS: Final = "mutate.json"


def write(target: Path, report: MutationReport) -> None:
    """Write both into the folder ``target``. Raises OSError."""
    summary = {"counts": report.counts, "score": round(report.score, 1), "noticed": round(report.noticed, 1)}
    write_report(target, RESULTS, "mutate.html.j2", report, summary)


def read(target: Path) -> MutationReport:
    """What an earlier run has left in ``target``. Raises UsageError."""
    try:
        report: MutationReport = structure(json.loads((target / RESULTS).read_text()), MutationReport, RESULTS)
    except (OSError, ValueError, StructureError) as error:
        why = f"{RESULTS}: {error.strerror}" if isinstance(error, OSError) else str(error)
        raise UsageError(f"{target} is not the folder of a run of mutants: {why}") from None
    return report
