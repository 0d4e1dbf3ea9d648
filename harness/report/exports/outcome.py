# SPDX-License-Identifier: Apache-2.0
"""How a run ended, for scripts: one JSON object."""

from __future__ import annotations

import json
from pathlib import Path

from harness.paths import readable
from harness.report.evidence.codec import encode
from harness.report.evidence.document import accepted
from harness.report.evidence.model import Report


def outcome(report: Report, page: Path) -> str:
    """The verdict with everything that it rests on; ``page`` is the first page of the report."""
    run = report.run
    found = {
        "run": run.id,
        "verdict": run.verdict,
        "exit_status": run.exit_status,
        "report": readable(str(page)),
        "reasons": run.reasons,
        "shortfalls": [encode(each) for each in run.shortfalls],
        "narrowed": [encode(each) for each in run.narrowed],
        "accepted": [{"test": case.test, **encode(case.known_failure)} for case in report.cases if accepted(case)],
        "scope": [encode(each) for each in report.scope],
    }
    return json.dumps(found, indent=1)
