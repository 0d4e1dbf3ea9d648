# SPDX-License-Identifier: Apache-2.0
"""What is kept of runs to compare later ones with: their results, compressed, a folder each, the newest of them."""

from __future__ import annotations

import lzma
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from harness.report.comparing.comparison import WORSE, Comparison
from harness.report.evidence import folder, reader
from harness.report.evidence.few import few
from harness.report.evidence.model import Report, ReportError

_SHOWN: Final = 5


def earlier(history: Path, report: Report) -> Report | None:
    """The newest run of the same items that is kept and began before this one."""
    items = sorted(item.item for item in report.scope)
    for run in sorted(history.glob("*/"), reverse=True):
        try:
            kept = reader.read(run)
        except ReportError:
            # Of another version, or cut short when it was written.
            continue
        if kept.run.started < report.run.started and sorted(item.item for item in kept.scope) == items:
            return kept
    return None


def keep(history: Path, report: Report, most: int) -> None:
    """Keep this run, and the newest ``most`` in all. Raises OSError."""
    place = history / report.run.id
    place.mkdir(parents=True, exist_ok=True)
    folder.write_whole(place / reader.COMPRESSED, lzma.compress(reader.to_json(report), preset=2))
    for old in sorted(history.glob("*/"))[:-most]:
        shutil.rmtree(old)


def in_one_line(comparison: Comparison | None, report: Report) -> str:
    """The verdict, and which verdicts changed since the run before: for the description of a build."""
    now = report.run.verdict.upper()
    if comparison is None:
        return f"{now}, no earlier run to compare with"
    why = comparison.new.reasons[:1] if comparison.fell else []
    changes = "; ".join([*_changes(comparison)] or why) or "no verdict changed"
    before = comparison.old.verdict.upper()
    return f"{now}, {'as before' if now == before else f'was {before}'}: {changes} (since {comparison.old.run})"


def _changes(comparison: Comparison) -> Iterator[str]:
    kinds = dict.fromkeys((*WORSE, *(change.kind for change in comparison.verdicts)))
    for kind in kinds:
        found = [f"{each.requirement} on {each.site.bench}" for each in comparison.verdicts if each.kind == kind]
        named = list(dict.fromkeys(found))
        if named:
            yield f"{kind}: {few(named, _SHOWN)}"
