# SPDX-License-Identifier: Apache-2.0
"""A proof on disk: ``prove.json`` and a page that shows it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

import jinja2

from harness.paths import readable
from harness.prove.model import ProofReport
from harness.report.evidence import folder

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

RESULTS: Final = "prove.json"
_STYLE: Final = "style.css"


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
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("harness.prove"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    page = environment.get_template(template).render(report=report)
    folder.write_whole(target / folder.INDEX, page.encode())
    style = resources.files("harness.report").joinpath("templates", _STYLE).read_bytes()
    folder.write_whole(target / _STYLE, style)


def last_line(report: ProofReport, page: Path) -> str:
    """The verdict in one line, for the end of a terminal session."""
    parts = [f"proof: {report.verdict}"]
    if report.ended < len(report.planned):
        parts.append(f"{report.ended} of {len(report.planned)} sessions")
    if report.proofs:
        parts.append(f"{report.caught} of {len(report.proofs)} faults caught")
    return "  ".join([*parts, f"report: {readable(str(page))}"])
