# SPDX-License-Identifier: Apache-2.0
"""A run as a server keeps it: its pages to look at, and all that it wrote in one compressed file.

The pages link the evidence of what did not pass, which lies beside them. The evidence of tests that passed is in the
compressed file, with everything else as it was written, so that ``harness verify`` can be asked after unpacking.
"""

from __future__ import annotations

import shutil
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Final

from harness.errors import UsageError
from harness.report.chain import manifest
from harness.report.evidence import folder
from harness.report.evidence.model import Case, Report, ReportError
from harness.report.exports import junit
from harness.report.pages import html
from harness.report.scope import proofs

WHOLE: Final = "run.tar.xz"
_PASSED: Final = ("pass", "skipped", "recorded")
# Higher ones take several times as long and save a tenth (observed).
_PRESET: Final = 2


def pack(run: Path, report: Report, target: Path) -> None:
    """Write pages, evidence of what did not pass, and the whole run into the folder ``target``, which must be new.

    Raises UsageError when it is there already, and OSError.
    """
    make_new(target)
    # Servers read this file, so it has to say what the pages say, whatever lies in the folder.
    junit.write(target / folder.JUNIT, junit.suites(run / folder.JUNIT), report)
    if _as_written(run, proofs.COPY):
        shutil.copyfile(run / proofs.COPY, target / proofs.COPY)
    kept = replace(report, cases=[_without_evidence(case) for case in report.cases])
    for path in dict.fromkeys(path for case in kept.cases for path in case.evidence):
        if (run / path).is_file():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(run / path, target / path)
    html.write(target, kept)
    with tarfile.open(target / WHOLE, "w:xz", preset=_PRESET) as whole:
        whole.add(run, arcname=run.name)


def make_new(target: Path) -> None:
    """Make the folder of an archive. Raises UsageError when it is there already, and OSError."""
    if target.exists():
        raise UsageError(f"{target} is there already", remedy="name a folder that is not there yet")
    target.mkdir(parents=True)


def _as_written(run: Path, name: str) -> bool:
    """Whether a file of a run is there, and is the one that its manifest has."""
    try:
        known = {entry.path: entry.sha256 for entry in manifest.read(run).files}
    except ReportError:
        return False
    return (run / name).is_file() and known.get(name) == manifest.digest(run / name)


def _without_evidence(case: Case) -> Case:
    passed = case.verdict in _PASSED and not case.attempts
    return replace(case, evidence=[]) if passed else case
