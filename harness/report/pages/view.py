# SPDX-License-Identifier: Apache-2.0
"""What the pages show, as plain data: the templates only lay it out."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from markupsafe import Markup

from harness.report.evidence.document import accepted
from harness.report.evidence.folder import safe_name
from harness.report.evidence.model import Case, Component, Report, Requirement, Result, Verdict
from harness.site import Site

# How a verdict is shown: sign and word; the style sheet has a class of each name.
SIGNS: Final = {
    "pass": "✓",
    "fail": "✗",
    "known": "≈",
    "error": "!",
    "recorded": "●",
    "skipped": "○",
}
# After these a name may be broken; entities of HTML have none of them.
_PARTS_END: Final = re.compile(r"([/_:,.\[\]=@-]+)(?=\w)")


@dataclass(frozen=True)
class Counts:
    """How the tests of one site ended."""

    site: Site
    verdicts: Mapping[str, int]
    tests: int
    duration_s: float


@dataclass(frozen=True)
class RequirementRow:
    """A line of the requirement table. ``missing`` names the settings where it was not tried, by the reason."""

    requirement: Requirement
    results: list[Result]
    missing: dict[str, list[str]]


@dataclass(frozen=True)
class Deviation:
    """A test whose verdict needs a reader, and the reason why it needs one."""

    case: Case
    shown: str


@dataclass(frozen=True)
class Skipped:
    """A reason and the tests that were skipped for it."""

    reason: str
    tests: list[Case]


def shown_verdict(record: Case | Result) -> str:
    """The verdict as the pages name it: a known failure is distinguished from a fresh one."""
    return "known" if accepted(record) else record.verdict


def sites(report: Report) -> list[Site]:
    """All sites, in a stable order."""
    return sorted({case.site for case in report.cases})


def counts(report: Report) -> list[Counts]:
    """How the tests ended, per site."""
    counted = []
    for site in sites(report):
        cases = [case for case in report.cases if case.site == site]
        verdicts = Counter(shown_verdict(case) for case in cases)
        counted.append(Counts(site, verdicts, len(cases), sum(case.duration_s for case in cases)))
    return counted


def requirement_groups(report: Report, why_not: Callable[[Requirement, Site], str]) -> dict[str, list[RequirementRow]]:
    """The requirement table, grouped as the catalogue does, else by the subject in the ids (SHM-ALLOW).

    ``why_not`` says why a requirement was not tried in a setting.
    """
    columns = sites(report)
    known = {requirement.id: requirement for requirement in report.requirements}
    by_key = {(result.requirement, result.site): result for result in report.results}
    groups: dict[str, list[RequirementRow]] = {}
    for name in sorted({result.requirement for result in report.results}, key=_order(report)):
        requirement = known.get(name, Requirement(name, ""))
        missing: dict[str, list[Site]] = defaultdict(list)
        for site in columns:
            if (name, site) not in by_key:
                missing[why_not(requirement, site)].append(site)
        row = RequirementRow(
            requirement,
            [by_key[name, site] for site in columns if (name, site) in by_key],
            {reason: _named(these, columns) for reason, these in missing.items()},
        )
        groups.setdefault(requirement.group or name.rpartition("-")[0] or name, []).append(row)
    return groups


def _named(some: Sequence[Site], every: Sequence[Site]) -> list[str]:
    """Settings in words: a bench of which all are meant by its name alone."""
    named = []
    for bench in dict.fromkeys(site.bench for site in some):
        ways = [site.way for site in some if site.bench == bench]
        whole = len(ways) == sum(site.bench == bench for site in every)
        named.append((bench or "no bench") + ("" if whole else f" ({', '.join(ways)})"))
    return named


def _order(report: Report) -> Callable[[str], tuple[int, str]]:
    """The order of the catalogue; ids that it does not have come last, by name."""
    positions = {requirement.id: index for index, requirement in enumerate(report.requirements)}
    return lambda name: (positions.get(name, len(positions)), name)


def placement_table(report: Report) -> dict[str, dict[str, Counter[str]]]:
    """Verdicts of requirements per bench and placement; empty unless there is more than one placement."""
    placements = sorted({result.site.placement for result in report.results if result.site.placement})
    if len(placements) < 2:
        return {}
    benches = sorted({result.site.bench for result in report.results})
    return {
        bench: {
            placement: Counter(
                shown_verdict(result)
                for result in report.results
                if result.site.bench == bench and result.site.placement == placement
            )
            for placement in placements
        }
        for bench in benches
    }


def deviations(report: Report) -> list[Deviation]:
    """Everything that is not as it should be, the failures of requirements first."""
    order: Sequence[Verdict] = ("fail", "error")
    found = [Deviation(case, shown_verdict(case)) for case in report.cases if case.verdict in order]
    return sorted(found, key=lambda deviation: (deviation.shown == "known", order.index(deviation.case.verdict)))


def healed(report: Report) -> list[Case]:
    """Known failures that pass now: their mark can go."""
    return [case for case in report.cases if case.known_failure and case.verdict in ("pass", "recorded")]


def skipped(report: Report) -> list[Skipped]:
    """Skipped tests by reason."""
    grouped: dict[str, list[Case]] = {}
    for case in report.cases:
        if case.verdict == "skipped":
            grouped.setdefault(case.reason, []).append(case)
    return [Skipped(reason, tests) for reason, tests in sorted(grouped.items())]


def notable_components(report: Report) -> list[Component]:
    """What took part, but for the libraries that it brought with it."""
    libraries = {part for group in libraries_by_kind(report).values() for part in group}
    return [part for part in report.run.parts if part not in libraries]


def libraries_by_kind(report: Report) -> dict[str, list[Component]]:
    """Packages that are only there because something else needs them, under a heading each."""
    return {
        "Python packages": [part for part in report.run.parts if part.source == "Python package"],
        "packages of the distribution": [part for part in report.run.parts if part.source.endswith(".deb")],
    }


def with_code(text: str) -> Markup:
    """A statement with what stands between backticks set as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return Markup.escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else part for index, part in enumerate(parts)
    )


def breakable(text: str) -> Markup:
    """A long name or path that may be broken after its parts, so that no word of it has to be."""
    return Markup(_PARTS_END.sub(r"\1<wbr>", str(Markup.escape(text))))


def anchor(test: str) -> str:
    """The anchor of a test in the page of the tests."""
    return f"t-{safe_name(test)}"


def short_test(test: str) -> str:
    """A test's name without the folder and file that it is in."""
    return test.partition("::")[2] or test


def file_name(path: str) -> str:
    """The last part of an evidence path."""
    return PurePosixPath(path).name


def seconds(value: float) -> str:
    """A duration for people."""
    if value >= 60:
        whole = round(value)
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{value:.2f} s" if value >= 0.1 else f"{value * 1000:.1f} ms"


def figure(value: float | None) -> str:
    """A figure with four significant digits, large ones in full."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def moment(value: str) -> str:
    """A time of the report, to the second."""
    return f"{value[:19].replace('T', ' ')} UTC"
