# SPDX-License-Identifier: Apache-2.0
"""A run as an in-toto statement, for those who collect attestations of what they ship.

The form is "in-toto Attestation Framework", Statement v1, with the predicate test-result v0.1. The subject is what was
tested: the hypervisor and its device by their SHA-256 where the host could say them, else the harness, whose emulated
device it was, by its commit. The manifest ties the statement to the evidence.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

from harness.report.evidence import folder
from harness.report.evidence.model import Report, RunVerdict
from harness.report.pages import titles

_RESULTS: Final[dict[RunVerdict, str]] = {"pass": "PASSED", "partial": "WARNED", "fail": "FAILED"}
_HASHED: Final = " SHA-256"
_DIGITS: Final = 64
_PASSED: Final = ("pass",)
_FAILED: Final = ("fail", "error")


def statement(run: Path, report: Report, manifest: Path) -> str:
    """The statement about the run in a folder, as JSON; ``manifest`` is the list of its files."""
    made = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": _subjects(report),
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "predicate": {
            "result": _RESULTS[report.run.verdict],
            "configuration": [_described(path) for path in (manifest, run / folder.RESULTS) if path.is_file()],
            "passedTests": [case.test for case in report.cases if case.verdict in _PASSED],
            "warnedTests": [case.test for case in report.cases if case.verdict not in (*_PASSED, *_FAILED)],
            "failedTests": [case.test for case in report.cases if case.verdict in _FAILED],
        },
    }
    return json.dumps(made, indent=1) + "\n"


def _subjects(report: Report) -> list[dict[str, Any]]:
    found = [
        {"name": f"{item.item}: {name.removesuffix(_HASHED)}", "digest": {"sha256": value}}
        for item in report.scope
        for name, value in item.facts.items()
        if name.endswith(_HASHED) and len(value) == _DIGITS
    ]
    commit = report.run.harness_commit.partition("+")[0]
    names = [title for title in titles.titles(report) if commit]
    return found or [{"name": name, "digest": {"gitCommit": commit}} for name in names]


def _described(path: Path) -> dict[str, Any]:
    return {"name": path.name, "digest": {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}}
