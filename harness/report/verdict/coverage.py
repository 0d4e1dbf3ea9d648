# SPDX-License-Identifier: Apache-2.0
"""How much of what had to be judged on an item was judged, and why the rest was not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from harness.report.evidence.model import BenchScope, ItemCoverage, Planned, Requirement, Result, Unjudged
from harness.shmem.requirements import OF_SYSTEM

_JUDGED: Final = ("pass", "fail")


@dataclass(frozen=True)
class Judged:
    """What a run found and planned, as far as the coverage depends on it."""

    results: Sequence[Result]
    not_run: Sequence[Planned]
    narrowed: bool

    def on(self, requirement: str, benches: Iterable[str]) -> list[Result]:
        """The records of a requirement on these benches."""
        wanted = set(benches)
        return [each for each in self.results if each.requirement == requirement and each.site.bench in wanted]

    def why_not(self, requirement: str, benches: Sequence[BenchScope]) -> str:
        """Why a requirement was not judged on the item of these benches."""
        if not any(bench.selected for bench in benches):
            return "no bench of this item took part"
        found = self.on(requirement, [bench.bench for bench in benches])
        if any(result.verdict == "error" for result in found):
            return "the bench broke, or the suite did"
        if any(requirement in planned.requirements for planned in self.not_run):
            return "its tests did not run"
        if skipped := next((result for result in found if result.verdict == "skipped"), None):
            return f"skipped: {skipped.reason}"
        if self.narrowed or any(bench.left_out or not bench.selected for bench in benches):
            return "its tests were left out of this run"
        return "no test of this run names it on this item"


def coverage(
    benches: Sequence[BenchScope],
    catalogue: Mapping[str, Requirement],
    judged: Judged,
    facts: Mapping[str, Mapping[str, str]],
) -> list[ItemCoverage]:
    """The coverage of each item, in the order of the benches.

    Benches of one item judge its scope together, but for a user's own system: what it is, and how much of it can be
    tried, is a matter of each bench.
    """
    items: dict[tuple[str, str, str], list[BenchScope]] = {}
    for bench in benches:
        items.setdefault((bench.item, bench.release, bench.name), []).append(bench)
    return [_of_item(group, catalogue, judged, facts) for group in items.values()]


def _states(requirement: Requirement, release: str) -> bool:
    return requirement.kind == "judge" and release in requirement.releases and not requirement.id.startswith(OF_SYSTEM)


def _of_item(
    benches: Sequence[BenchScope],
    catalogue: Mapping[str, Requirement],
    judged: Judged,
    facts: Mapping[str, Mapping[str, str]],
) -> ItemCoverage:
    first, names = benches[0], [bench.bench for bench in benches]

    def is_judged(requirement: str, on: Iterable[str] = names) -> bool:
        return any(result.verdict in _JUDGED for result in judged.on(requirement, on))

    def without(requirement: str) -> list[BenchScope]:
        """The benches on which a requirement is still to be judged. One that was left out is told by itself."""
        if not requirement.startswith(OF_SYSTEM):
            return [] if is_judged(requirement) else list(benches)
        asked = [bench for bench in benches if requirement in bench.requirements]
        asked = [bench for bench in asked if bench.selected] or asked
        return [bench for bench in asked if not is_judged(requirement, [bench.bench])]

    def why_not(requirement: str, missing_on: Sequence[BenchScope]) -> str:
        reason = judged.why_not(requirement, missing_on)
        if len(missing_on) == len(benches):
            return reason
        return f"on {', '.join(bench.bench for bench in missing_on)}: {reason}"

    required = sorted({name for bench in benches for name in bench.requirements})
    stated = [each.id for each in catalogue.values() if _states(each, first.release)]
    missing = {name: found for name in required if (found := without(name))}
    return ItemCoverage(
        item=first.item,
        release=first.release,
        name=first.name,
        benches=names,
        stated=len(stated),
        stated_judged=sum(map(is_judged, stated)),
        required=len(required),
        judged=len(required) - len(missing),
        unjudged=[Unjudged(name, why_not(name, found)) for name, found in missing.items()],
        facts={name: value for bench in names for name, value in facts.get(bench, {}).items()},
    )
