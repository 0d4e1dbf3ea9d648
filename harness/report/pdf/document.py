# SPDX-License-Identifier: Apache-2.0
"""The content of the printed report, as plain data for the layout."""

from __future__ import annotations

import json
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal

import typst

from harness.errors import BenchError
from harness.report.chain.manifest import MANIFEST, digest
from harness.report.evidence import folder
from harness.report.evidence.model import ItemCoverage, Metric, Proof, Report
from harness.report.figures import nights, thresholds
from harness.report.pages import figures, readings, titles, view
from harness.report.pdf import accesses

_LAYOUT: Final = "report.typ"
_STANDARD: Final[Literal["a-2b"]] = "a-2b"
_SIGNS: Final = frozenset("\u2013\u2014\u2018\u2019\u201c\u201d\u2026" + "".join(view.SIGNS.values()))


def write(target: Path, run: Path, report: Report) -> None:
    """Write ``report``, whose folder is ``run``, as the PDF file ``target``. Raises BenchError, OSError."""
    layout = resources.files("harness.report.pdf").joinpath(_LAYOUT).read_bytes()
    try:
        document = typst.compile(
            layout,
            ignore_system_fonts=True,
            sys_inputs={"report": json.dumps(_printable(content(run, report)))},
            pdf_standards=_STANDARD,
            # The same report gives the same bytes.
            timestamp=datetime.fromisoformat(report.run.started).replace(microsecond=0),
        )
    except typst.TypstError as error:
        raise BenchError(f"the PDF could not be made: {error}") from error
    folder.write_whole(target, document)


def content(run: Path, report: Report) -> dict[str, Any]:
    """Everything that the layout shows, in its words."""
    about = report.run
    releases = {bench: item.release for item in report.scope for bench in item.benches}
    return {
        "id": about.id,
        "verdict": about.verdict,
        "titles": titles.titles(report),
        "reasons": about.reasons,
        "shortfalls": [shortfall.text for shortfall in about.shortfalls if shortfall.kind != "selection"],
        "narrowed": [str(narrowing) for narrowing in about.narrowed],
        "date": _date(about.started),
        "facts": _facts(report),
        "scope": [_item(item) for item in report.scope],
        "waivers": [vars(waiver) for waiver in report.waivers],
        "sites": [_site(site.bench, site.way) for site in view.sites(report)],
        "counts": [
            {
                "site": _site(count.site.bench, count.site.way),
                "tests": count.tests,
                "verdicts": [count.verdicts.get(name, 0) for name in view.SIGNS],
                "time": view.seconds(count.duration_s),
            }
            for count in view.counts(report)
        ],
        "signs": view.SIGNS,
        "groups": _groups(report),
        "accesses": [
            {"configuration": configuration, "lines": [vars(line) for line in lines]}
            for configuration, lines in accesses.by_configuration(report.access, releases).items()
        ],
        "readings": [
            {"bench": bench, "answers": [{**vars(answer), "agrees": answer.agrees} for answer in answers]}
            for bench, answers in readings.by_bench(report.cases).items()
        ],
        "figures": [_figure(metric, label) for metric, label in _labelled(report)],
        "figures_said": [*nights.lines(report.history), *thresholds.lines(report.thresholds)],
        "deviations": [
            {
                "shown": deviation.shown,
                "requirements": deviation.case.requirements,
                "test": deviation.case.test,
                "reason": deviation.case.reason,
            }
            for deviation in view.deviations(report)
        ],
        "skipped": [{"reason": group.reason, "tests": len(group.tests)} for group in view.skipped(report)],
        "not_run": len(report.not_run),
        "not_tested": report.not_tested,
        "versions": [
            {"name": part.name, "version": part.version, "sha256": part.sha256, "source": part.source}
            for part in view.notable_components(report)
        ],
        "confidence": _confidence(report.proof),
        "manifest": digest(run / MANIFEST) if (run / MANIFEST).is_file() else "",
    }


def _printable(value: Any) -> Any:
    """The same with each character that the fonts do not have as its number: PDF/A has no room for missing ones."""
    match value:
        case str():
            return "".join(char if _has_glyph(char) else f"\\u{{{ord(char):x}}}" for char in value)
        case dict():
            return {key: _printable(each) for key, each in value.items()}
        case list():
            return [_printable(each) for each in value]
    return value


def _has_glyph(char: str) -> bool:
    return char == "\n" or " " <= char <= "~" or "\xa1" <= char <= "\xff" or char in _SIGNS


def _confidence(proof: Proof | None) -> str:
    """The last proof of the suites, in a sentence."""
    if proof is None:
        return "There was no proof of this commit with all faults (harness prove) when it was run."
    caught = f"{proof.caught} of {proof.faults} faults that were put into the device were noticed"
    return f"Proof of {view.moment(proof.started)}, of commit {proof.commit}: {proof.verdict}, {caught}."


def _date(moment: str) -> list[int]:
    begun = datetime.fromisoformat(moment)
    return [begun.year, begun.month, begun.day]


def _facts(report: Report) -> list[list[str]]:
    run = report.run
    commit = run.harness_commit or "unknown"
    return [
        ["Run", run.id],
        ["Started", view.moment(run.started)],
        ["Took", view.seconds(run.duration_s) + ("" if run.finished else " (cut short)")],
        ["Harness", f"{run.harness_version}, commit {commit}{_in_brackets(run.harness_commit_note)}"],
        ["Command", run.command],
        *([name, value] for name, value in run.surroundings.items()),
        ["Python", run.python],
        ["Platform", run.platform],
    ]


def _in_brackets(text: str) -> str:
    return f" ({text})" if text else ""


def _item(item: ItemCoverage) -> dict[str, Any]:
    return {**vars(item), "unjudged": [[each.requirement, each.reason] for each in item.unjudged]}


def _site(bench: str, way: str) -> str:
    return f"{bench} {way}".strip()


def _groups(report: Report) -> list[dict[str, Any]]:
    sites = view.sites(report)
    groups = []
    for group, rows in view.requirement_groups(report, titles.NotTried(report).why).items():
        lines = []
        for row in rows:
            shown = {result.site: view.shown_verdict(result) for result in row.results}
            lines.append(
                {
                    "id": row.requirement.id,
                    "text": row.requirement.text,
                    "source": row.requirement.source,
                    "cells": [shown.get(site, "") for site in sites],
                    "tests": sum(len(result.tests) for result in row.results),
                    "missing": sorted(row.missing),
                }
            )
        groups.append({"name": group, "rows": lines})
    return groups


def _labelled(report: Report) -> list[tuple[Metric, str]]:
    labels = figures.site_labels(report.metrics)
    return [(metric, labels[metric.site]) for metric in figures.ordered(report.metrics)]


def _figure(metric: Metric, label: str) -> dict[str, str]:
    return {
        "name": metric.name,
        "site": label,
        "block": figures.block_size(metric.block_bytes) if metric.block_bytes else "",
        "value": figures.shown_value(metric),
        "reference": figures.shown_reference(metric),
        "ratio": figures.shown_ratio(metric),
    }
