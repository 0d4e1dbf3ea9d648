# SPDX-License-Identifier: Apache-2.0
"""A summary of a run in Markdown, for chat and pull requests."""

from __future__ import annotations

from collections.abc import Iterator

from harness.report.evidence.model import Report
from harness.report.pages import titles, view
from harness.site import Site

_SHOWN = 10


def summary(report: Report) -> str:
    """Verdict, item, what it lacks, how much was judged, and the first deviations."""
    return "\n".join(_lines(report)) + "\n"


def plain(text: str) -> str:
    """A text of a test or a device, which must not become markup."""
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>#|" else letter for letter in text.replace("\n", " "))


def place(site: Site) -> str:
    """A bench with its setting."""
    return " ".join(part for part in (site.bench, site.placement, site.guest_image, site.via) if part)


def _lines(report: Report) -> Iterator[str]:
    run = report.run
    yield f"# {run.verdict.upper()}: qualification of vdev shmem"
    yield ""
    yield from (f"* {plain(title)}" for title in titles.titles(report))
    yield f"* run {run.id}, {view.moment(run.started)}, {view.seconds(run.duration_s)}"
    lacking = [each.text for each in run.shortfalls if each.kind != "selection"]
    yield from (f"* **{plain(text)}**" for text in [*run.reasons, *lacking, *map(str, run.narrowed)])
    if report.scope:
        yield from ("", "| item | judged of the scope | judged of the release |", "|---|---|---|")
    for item in report.scope:
        whole = f"{item.stated_judged} of {item.stated} ({item.release})"
        yield f"| {plain(item.item)} | {item.judged} of {item.required} | {whole} |"
    yield from _counts(report)
    yield from _deviations(report)
    for waiver in report.waivers:
        what = plain(waiver.requirement or waiver.test)
        until = f"{'expired on' if waiver.expired else 'until'} {waiver.expires}"
        yield f"* waiver {until}, by {plain(waiver.approver)}: {what} ({plain(waiver.reason)}, {waiver.link})"


def _counts(report: Report) -> Iterator[str]:
    names = list(view.SIGNS)
    yield from ("", f"| bench | {' | '.join(names)} |", f"|---|{'---|' * len(names)}")
    for count in view.counts(report):
        numbers = " | ".join(str(count.verdicts.get(name, 0)) for name in names)
        yield f"| {plain(place(count.site) or 'no bench')} | {numbers} |"


def _deviations(report: Report) -> Iterator[str]:
    found = view.deviations(report)
    if found:
        yield from ("", f"## Deviations: {len(found)}", "")
    for deviation in found[:_SHOWN]:
        case = deviation.case
        named = ", ".join(case.requirements) or view.short_test(case.test)
        reason = case.why
        yield f"* {deviation.shown}: {plain(named)} on {plain(place(case.site) or 'no bench')}: {plain(reason)}"
    if len(found) > _SHOWN:
        yield f"* and {len(found) - _SHOWN} more"
