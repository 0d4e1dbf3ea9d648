# SPDX-License-Identifier: Apache-2.0
"""The report of a finished run, made again from its journal, which has to be the one that the run wrote.

Whoever edits a line of the journal changes a verdict. ``harness verify`` names that, and so does every command that
makes a verdict of the journal: such a run is no pass any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from harness.report.chain import agreement, manifest, verify
from harness.report.evidence import folder, reader
from harness.report.evidence.document import build
from harness.report.evidence.few import few
from harness.report.evidence.journal import Ended, Entry, FellShort
from harness.report.evidence.model import Report, Shortfall

_SHOWN: Final = 3


def derive(run: Path) -> Report:
    """The report of the run in a folder; partial, or worse, when its journal or evidence was changed afterwards.

    Raises ReportError, naming file and position, when there is no journal or it is damaged.
    """
    entries = reader.entries(run)
    report = build(entries)
    changed = list(_changed(run, entries))
    # A manifest that was made anew hides a change of the journal, the sessions' events do not.
    changed = changed or [f"{path} {text}" for path, text in agreement.of_sessions(run, report)]
    if not changed:
        return report
    text = f"the run is not as it was written (harness verify names all of it): {few(changed, _SHOWN)}"
    return build([*entries, FellShort([Shortfall("conflict", text)])])


def _changed(run: Path, entries: list[Entry]) -> Iterator[str]:
    """What verdicts rest on and is not as it was. A run that was killed has no manifest, and never ended."""
    if not (run / manifest.MANIFEST).is_file():
        if any(isinstance(entry, Ended) for entry in entries):
            yield f"{manifest.MANIFEST} is gone"
        return
    for found in verify.against_manifest(run):
        if _decides(PurePosixPath(found.path)) and (found.kind != "added" or found.path.endswith(folder.JOURNAL)):
            yield f"{found.path} was {found.kind}"


def _decides(path: PurePosixPath) -> bool:
    """Whether a verdict rests on a file; pages are made again, and others may lie beside them."""
    return path.name in (manifest.MANIFEST, folder.JOURNAL) or folder.EVIDENCE in path.parts
