# SPDX-License-Identifier: Apache-2.0
"""The item under test in one line each, and why a requirement was not tried where it was not."""

from __future__ import annotations

from typing import Final

from harness.report.evidence.model import Report, Requirement
from harness.site import Site

_SHORT: Final = 12


def titles(report: Report) -> list[str]:
    """A line for each item: what it is, what identifies it, and the harness that judged it."""
    harness = _harness(report)
    items = dict.fromkeys(
        ", ".join([item.item, *(f"{name} {value}" for name, value in item.facts.items())]) for item in report.scope
    )
    return [f"{item}, {harness}" for item in items] or [f"item unknown, {harness}"]


def _harness(report: Report) -> str:
    run = report.run
    commit = run.harness_commit.partition("+")[0]
    if not commit:
        return f"harness {run.harness_version} of an unknown commit"
    changed = any(source.changes for source in run.sources[:1]) or "+" in run.harness_commit
    return f"harness {commit[:_SHORT]}{' with changes' if changed else ''}"


class NotTried:
    """Why a requirement has no record for a site that other requirements have one for."""

    def __init__(self, report: Report) -> None:
        self._narrowed = bool(report.run.narrowed)
        self._scope = {bench: item for item in report.scope for bench in item.benches}
        self._unjudged = {
            (bench, each.requirement): each.reason
            for item in report.scope
            for bench in item.benches
            for each in item.unjudged
        }
        self._tried = {(result.requirement, result.site.bench) for result in report.results}
        self._waiting = {(name, planned.bench) for planned in report.not_run for name in planned.requirements}

    def why(self, requirement: Requirement, site: Site) -> str:
        """The reason in a few words."""
        scope = self._scope.get(site.bench)
        if scope and requirement.releases and scope.release not in requirement.releases:
            return f"not stated for {scope.release}"
        if (requirement.id, site.bench) in self._tried:
            return "tried in another setting of this bench"
        if (requirement.id, site.bench) in self._waiting:
            return "its tests did not run"
        if reason := self._unjudged.get((site.bench, requirement.id)):
            return reason
        if scope and any((requirement.id, bench) in self._tried for bench in scope.benches):
            return "tried on another bench of this item"
        return "its tests were left out of this run" if self._narrowed else "not in the scope of this bench"
