# SPDX-License-Identifier: Apache-2.0
"""The findings of an audit as SARIF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness import sarif
from harness.audit.findings import RULES, Finding
from harness.shmem.config import NOWHERE


def as_sarif(findings: Sequence[Finding]) -> dict[str, Any]:
    """A log with one run."""
    return sarif.log("shmem-harness audit", [_result(finding) for finding in findings], RULES)


def _result(finding: Finding) -> sarif.Result:
    text = "\n".join((finding.text, *finding.details))
    position = finding.position
    if position == NOWHERE:
        return sarif.Result(finding.code, finding.severity, text)
    return sarif.Result(finding.code, finding.severity, text, position.file, position.line, position.column)
