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
from harness.report.evidence.codec import decode
from harness.report.evidence.model import ReportError
from harness.report.exports import archive
from harness.report.pages import html

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

RESULTS: Final = "prove.json"


def write(target: Path, report: ProofReport) -> None:
    """Write both into the folder ``target``. Raises OSError."""
    summary = {"faults": len(report.proofs), "caught": report.caught, "verdict": report.verdict}
    write_report(target, RESULTS, "prove.html.j2", report, summary)


def is_one(run: Path) -> bool:
    """Whether a folder is that of a proof. A run may have a copy of one beside its own journal."""
    return (run / RESULTS).is_file() and not (run / folder.JOURNAL).exists()


def pack(source: Path, target: Path) -> ProofReport:
    """Write the proof in the folder ``source`` into the folder ``target``, which must be new, without its sessions.

    Raises UsageError when ``target`` is there already, ReportError for a damaged proof, and OSError.
    """
    path = source / RESULTS
    try:
        report = decode(ProofReport, json.loads(path.read_text(encoding="utf-8")), RESULTS)
    except ValueError as error:
        raise ReportError(f"{path} is damaged: {error}", remedy="run the proof again") from error
    archive.make_new(target)
    write(target, report)
    return report


def write_report(
    target: Path, results: str, template: str, report: DataclassInstance, summary: Mapping[str, object]
) -> None:
    """Write ``report`` with a ``summary`` as JSON, and the page that ``template`` makes of it. Raises OSError.

    The page links the sessions that are there: a proof is kept elsewhere without them.
    """
    text = json.dumps({**asdict(report), **summary}, indent=1, ensure_ascii=False) + "\n"
    folder.write_whole(target / results, text.encode())

    def is_there(page: str) -> bool:
        return (target / page).is_file()

    page = html.rendered(html.environment("harness.prove"), template, {"report": report, "is_there": is_there})
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
