# SPDX-License-Identifier: Apache-2.0
"""The catalogue with the verdicts of a run, in the format of StrictDoc, which exports it to ReqIF.

strictdoc export --formats reqif-sdoc FILE
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from harness.report.evidence.model import Report, Requirement, Result
from harness.report.exports.markdown import place
from harness.report.pages import titles, view

_FIELDS: Final = ("UID", "RELEASES", "CONFIDENCE", "KIND", "SOURCE", "VERDICT", "STATEMENT")
_NOT_JUDGED: Final = "not tried"


def document(report: Report) -> str:
    """The whole file."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield from ("[DOCUMENT]", f"TITLE: Requirements on vdev shmem with the verdicts of {report.run.id}", "")
    yield from ("[GRAMMAR]", "ELEMENTS:", "- TAG: SECTION", "  PROPERTIES:", "    IS_COMPOSITE: True", "  FIELDS:")
    yield from _grammar("TITLE")
    yield from ("- TAG: TEXT", "  FIELDS:", *_grammar("STATEMENT"), "- TAG: REQUIREMENT", "  FIELDS:")
    for field in _FIELDS:
        yield from _grammar(field)
    lines = [f"{report.run.verdict.upper()}: {'; '.join(titles.titles(report))}", *report.run.reasons]
    lacking = [each.text for each in report.run.shortfalls]
    yield from ("", "[TEXT]", *_block("STATEMENT", "\n".join([*lines, *lacking])), "")
    results = defaultdict(list)
    for result in report.results:
        results[result.requirement].append(result)
    for group, requirements in groupby(report.requirements, lambda each: each.group or "Requirements"):
        yield from ("[[SECTION]]", f"TITLE: {_line(group)}", "")
        for requirement in requirements:
            yield from _requirement(requirement, results[requirement.id])
        yield from ("[[/SECTION]]", "")


def _grammar(field: str) -> Iterator[str]:
    yield from (f"  - TITLE: {field}", "    TYPE: String", "    REQUIRED: True")


def _requirement(requirement: Requirement, results: list[Result]) -> Iterator[str]:
    verdicts = [f"{place(result.site) or 'no bench'}: {view.shown_verdict(result)}" for result in results]
    yield "[REQUIREMENT]"
    yield f"UID: {requirement.id}"
    yield f"RELEASES: {_line(', '.join(requirement.releases))}"
    yield f"CONFIDENCE: {_line(requirement.confidence)}"
    yield f"KIND: {_line(requirement.kind)}"
    yield f"SOURCE: {_line(requirement.source)}"
    yield from _block("VERDICT", "\n".join(verdicts) or _NOT_JUDGED)
    yield from (*_block("STATEMENT", requirement.text), "")


def _line(text: str) -> str:
    """A field must not be empty, nor run over several lines."""
    return " ".join(text.split()) or "-"


def _block(field: str, text: str) -> Iterator[str]:
    yield from (f"{field}: >>>", *(line.replace("<<<", "< < <") for line in text.splitlines() or ["-"]), "<<<")
