# SPDX-License-Identifier: Apache-2.0
"""Findings in SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format"), which code review tools show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from harness.audit.findings import RULES, Finding
from harness.shmem.config import NOWHERE

_LEVELS: Final = {"error": "error", "warning": "warning", "note": "note"}


def as_sarif(findings: Sequence[Finding]) -> dict[str, Any]:
    """A log with one run."""
    codes = sorted({finding.code for finding in findings})
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "shmem-harness audit",
                        "rules": [{"id": code, "shortDescription": {"text": RULES[code]}} for code in codes],
                    }
                },
                "results": [_result(finding, codes) for finding in findings],
            }
        ],
    }


def _result(finding: Finding, codes: Sequence[str]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": codes.index(finding.code),
        "level": _LEVELS[finding.severity],
        "message": {"text": "\n".join((finding.text, *finding.details))},
    }
    if finding.position != NOWHERE:
        region = {"startLine": max(1, finding.position.line), "startColumn": max(1, finding.position.column)}
        place = {"artifactLocation": {"uri": finding.position.file}, "region": region}
        result["locations"] = [{"physicalLocation": place}]
    return result
