# SPDX-License-Identifier: Apache-2.0
"""Findings in SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format"), which code review tools show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Result:
    """One finding; ``file`` is empty where it has no place. Lines and columns count from 1."""

    code: str
    level: Literal["error", "warning", "note"]
    text: str
    file: str = ""
    line: int = 0
    column: int = 0


def log(tool: str, results: Sequence[Result], rules: Mapping[str, str]) -> dict[str, Any]:
    """A log with one run of a tool; ``rules`` describes the codes, as far as there is more to say than their names."""
    codes = sorted({result.code for result in results})
    described = [{"id": code, "shortDescription": {"text": rules.get(code, code.replace("-", " "))}} for code in codes]
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": tool, "rules": described}},
                "results": [_result(result, codes) for result in results],
            }
        ],
    }


def _result(result: Result, codes: Sequence[str]) -> dict[str, Any]:
    written: dict[str, Any] = {
        "ruleId": result.code,
        "ruleIndex": codes.index(result.code),
        "level": result.level,
        "message": {"text": result.text},
    }
    if result.file:
        region = {"startLine": max(1, result.line), "startColumn": max(1, result.column)}
        place = {"artifactLocation": {"uri": result.file}, "region": region}
        written["locations"] = [{"physicalLocation": place}]
    return written
