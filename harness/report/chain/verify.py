# SPDX-License-Identifier: Apache-2.0
"""Whether a run's folder still holds what the run wrote: every file by content, and every verdict by derivation.

The manifest says what was changed, added or removed. The rest does not rest on it: the verdicts are derived from the
journal again, and ``results.json``, ``junit.xml``, the events, the evidence and the pages are held against them. So a
manifest that was made anew after a change hides only a change that all of these agree with; against that there is the
signature.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.report.chain import agreement, manifest
from harness.report.evidence import merge
from harness.report.evidence.document import build
from harness.report.evidence.model import Report, ReportError

Kind = Literal["changed", "added", "removed", "disagrees"]


@dataclass(frozen=True)
class Discrepancy:
    """What is wrong with one file. ``disagrees``: with the verdicts that the journal gives."""

    kind: Kind
    path: str
    text: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.path}{f': {self.text}' if self.text else ''}"


@dataclass(frozen=True)
class Verification:
    """What was found, and the report as it was derived; None where it could not be."""

    discrepancies: list[Discrepancy]
    report: Report | None


def verify(run: Path) -> Verification:
    """Look at everything in the folder of a run."""
    found = [*against_manifest(run)]
    try:
        report = build(merge.entries(run))
    except ReportError as error:
        return Verification([*found, Discrepancy("disagrees", "journal.jsonl", error.message)], None)
    found += [Discrepancy("disagrees", path, text) for path, text in agreement.with_report(run, report)]
    return Verification(found, report)


def against_manifest(run: Path) -> Iterator[Discrepancy]:
    """What the manifest says of the files in the folder of a run."""
    if not (run / manifest.MANIFEST).is_file():
        yield Discrepancy("removed", manifest.MANIFEST, "nothing says which files the run wrote")
        return
    try:
        written = manifest.read(run)
    except ReportError as error:
        yield Discrepancy("changed", manifest.MANIFEST, error.message)
        return
    before = {entry.path: entry for entry in written.files}
    after = {entry.path: entry for entry in manifest.of_folder(run).files}
    yield from (Discrepancy("removed", path) for path in sorted(before.keys() - after.keys()))
    yield from (Discrepancy("added", path) for path in sorted(after.keys() - before.keys()))
    for path in sorted(before.keys() & after.keys()):
        if before[path] != after[path]:
            yield Discrepancy("changed", path)
