# SPDX-License-Identifier: Apache-2.0
"""Reading a report back from its folder, on any machine and at any time."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Final

from harness.report.evidence import folder, merge
from harness.report.evidence.codec import decode, encode
from harness.report.evidence.document import build
from harness.report.evidence.journal import Entry
from harness.report.evidence.model import SCHEMA, Report, ReportError

COMPRESSED: Final = f"{folder.RESULTS}.xz"
"""What a history keeps of a run."""


def read(target: Path) -> Report:
    """The report in the folder ``target``: from ``results.json``, or from the journal of a run that never wrote one.

    Raises ReportError, naming file and position, when there is neither or what is there is damaged.
    """
    for name in (folder.RESULTS, COMPRESSED):
        if (target / name).is_file():
            return _from_results(target / name)
    if (target / folder.JOURNAL).is_file():
        return build(merge.entries(target))
    raise ReportError(
        f"{target} holds no report: neither {folder.RESULTS} nor {folder.JOURNAL} is there",
        remedy=folder.NAME_A_RUN,
    )


def entries(target: Path) -> list[Entry]:
    """The entries of the journal in the folder ``target``, that of its sessions included.

    Raises ReportError, naming file and position, when there is no journal or it is damaged.
    """
    if not (target / folder.JOURNAL).is_file():
        raise ReportError(
            f"{target} has no {folder.JOURNAL}, so its verdicts cannot be derived",
            remedy=f"{folder.NAME_A_RUN}; a run without its journal is no evidence",
        )
    return merge.entries(target)


def to_json(report: Report) -> bytes:
    """The content of ``results.json``."""
    return (json.dumps(encode(report), indent=1, ensure_ascii=False) + "\n").encode(errors="backslashreplace")


def _from_results(path: Path) -> Report:
    try:
        content = path.read_bytes()
        data = json.loads(lzma.decompress(content) if path.name == COMPRESSED else content)
    except (OSError, ValueError, lzma.LZMAError) as error:
        raise ReportError(f"{path} is damaged: {error}", remedy=_remedy(path)) from error
    try:
        report = decode(Report, data, path.name)
    except ReportError as error:
        raise ReportError(error.message, remedy=_remedy(path)) from error
    if report.schema > SCHEMA:
        raise ReportError(
            f"{path} has format version {report.schema}; this harness reads versions up to {SCHEMA}",
            remedy="rebuild it with the harness that wrote it, or a newer one",
        )
    return report


def _remedy(path: Path) -> str:
    if path.with_name(folder.JOURNAL).is_file():
        return f"harness report {path.parent} makes {path.name} again from {folder.JOURNAL}"
    return "run the qualification again"
