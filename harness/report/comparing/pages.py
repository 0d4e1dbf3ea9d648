# SPDX-License-Identifier: Apache-2.0
"""A comparison as a page, as Markdown and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from harness.report.comparing.comparison import KINDS, Comparison, VerdictChange
from harness.report.evidence import folder
from harness.report.evidence.codec import encode
from harness.report.exports.markdown import place, plain
from harness.report.pages import figures, html

PAGE: Final = "compare.html"
_SHOWN: Final = 50


def write(target: Path, comparison: Comparison) -> None:
    """Write all three into the folder ``target``. Raises OSError."""
    target.mkdir(parents=True, exist_ok=True)
    page = html.render("compare.html.j2", {"comparison": comparison, "kinds": by_kind(comparison)})
    folder.write_whole(target / PAGE, page.encode())
    folder.write_whole(target / "compare.md", markdown(comparison).encode())
    folder.write_whole(target / "compare.json", as_json(comparison).encode())
    html.write_style(target)


def as_json(comparison: Comparison) -> str:
    """All of it, for other tools."""
    return json.dumps(encode(comparison), indent=1) + "\n"


def by_kind(comparison: Comparison) -> dict[str, list[VerdictChange]]:
    """The changes of verdicts under what they mean, those for the worse first."""
    found = {kind: [change for change in comparison.verdicts if change.kind == kind] for kind in KINDS}
    return {kind: changes for kind, changes in found.items() if changes}


def markdown(comparison: Comparison) -> str:
    """A summary for chat and pull requests."""
    return "\n".join(_lines(comparison)) + "\n"


def _lines(comparison: Comparison) -> Iterator[str]:
    yield f"# {comparison.old.verdict.upper()} to {comparison.new.verdict.upper()}"
    yield ""
    for word, side in (("old", comparison.old), ("new", comparison.new)):
        yield f"* {word}: {side.run}, {side.verdict.upper()}: {plain('; '.join(side.items))}"
    if comparison.fell:
        yield from ("", f"## Why it is {comparison.new.verdict.upper()} now", "")
        yield from (f"* {plain(reason)}" for reason in comparison.new.reasons)
    yield from _verdict_lines(comparison)
    yield from ("", f"## Readings that changed: {len(comparison.readings)}")
    if comparison.readings:
        yield ""
    for reading in comparison.readings:
        values = f"{plain(' and '.join(reading.old))} to {plain(' and '.join(reading.new))}"
        yield f"* {plain(reading.question)} ({place(reading.site)}): {values}"
    worse = [change for change in comparison.figures if change.verdict == "worse"]
    yield from ("", f"## Figures: {len(worse)} worse, {len(comparison.figures) - len(worse)} better")
    if comparison.figures:
        yield ""
    for change in comparison.figures:
        size = f", {figures.block_size(change.block_bytes)}" if change.block_bytes else ""
        yield f"* {plain(change.name)}{size} ({place(change.site)}): {change.relative:+.1%}, {change.verdict}"


def _verdict_lines(comparison: Comparison) -> Iterator[str]:
    yield from ("", f"## Verdicts that changed: {len(comparison.verdicts)}")
    for kind, changes in by_kind(comparison).items():
        yield from ("", f"### {kind}: {len(changes)}", "")
        for change in changes[:_SHOWN]:
            reason = change.reason.strip().partition("\n")[0]
            yield (
                f"* {change.requirement} ({place(change.site)}): {change.old} to {change.new}"
                f"{f': {plain(reason)}' if reason else ''}"
            )
        if len(changes) > _SHOWN:
            yield f"* and {len(changes) - _SHOWN} more"
