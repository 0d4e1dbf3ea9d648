# SPDX-License-Identifier: Apache-2.0
"""A run of ``harness prove --mutants`` on disk: ``mutate.json`` and a page that shows it."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Final

import jinja2

from harness.errors import UsageError
from harness.prove.mutation.model import MutationReport
from harness.report.evidence import folder
from harness.structured import StructureError, structure

RESULTS: Final = "mutate.json"
_STYLE: Final = "style.css"


def write(target: Path, report: MutationReport) -> None:
    """Write both into the folder ``target``. Raises OSError."""
    summary = {"counts": report.counts, "score": round(report.score, 1)}
    text = json.dumps({**asdict(report), **summary}, indent=1, ensure_ascii=False) + "\n"
    folder.write_whole(target / RESULTS, text.encode())
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("harness.prove"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    page = environment.get_template("mutate.html.j2").render(report=report)
    folder.write_whole(target / folder.INDEX, page.encode())
    style = resources.files("harness.report").joinpath("templates", _STYLE).read_bytes()
    folder.write_whole(target / _STYLE, style)


def read(target: Path) -> MutationReport:
    """What an earlier run has left in ``target``. Raises UsageError."""
    try:
        report: MutationReport = structure(json.loads((target / RESULTS).read_text()), MutationReport, RESULTS)
    except (OSError, ValueError, StructureError) as error:
        raise UsageError(f"{target} is no folder of a run of mutants: {error}") from None
    return report
