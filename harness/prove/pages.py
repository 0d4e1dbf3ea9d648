# SPDX-License-Identifier: Apache-2.0
"""A proof on disk: ``prove.json`` and a page that shows it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness.paths import readable
from harness.prove.model import ProofReport
from harness.report.evidence import folder
from harness.report.pages import html

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

RESULTS: Final = "prove.json"


def write(target: Path, report: ProofReport) -> None:
    """Write both into the folder ``target``. Raises OSError."""
    summary = {"faults": len(report.proofs), "caught": report.caught, "verdict": report.verdict}
    write_report(target, RESULTS, "prove.html.j2", report, summary)


def write_report(
    target: Path, results: str, template: str, report: DataclassInstance, summary: Mapping[str, object]
) -> None:
    """Write ``report`` with a ``summary`` as JSON, and the page that ``template`` makes of it. Raises OSError."""
    text = json.dumps({**asdict(report), **summary}, indent=1, ensure_ascii=False) + "\n"
    folder.write_whole(target / results, text.encode())
    page = html.rendered(html.environment("harness.prove"), template, {"report": report})
    folder.write_whole(target / folder.INDEX, page.encode())
    html.write_style(target)


def last_line(report: ProofReport, page: Path) -> str:
    """The verdict in one line, for the end of a terminal session."""
    parts = [f"proof: {report.verdict}"]
    if report.ended < len(report.planned):
        parts.append(f"{report.ended} of {len(report.planned)} sessions")
    if report.proofs:
        parts.append(f"{report.caught} of {len(report.proofs)} faults caught")
    return "  ".join([*parts, f"report: {readable(str(page))}"])
