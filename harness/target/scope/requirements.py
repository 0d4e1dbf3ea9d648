# SPDX-License-Identifier: Apache-2.0
"""What a run on the benches of a target file has to judge, and on which items."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from labgrid.factory import target_factory

from harness.bench.settings import BenchConfig, Scope
from harness.host.protocol import ShmemHostProtocol
from harness.report.evidence.journal import ScopeSet
from harness.report.evidence.model import BenchScope
from harness.shmem.profile import Profile
from harness.shmem.requirements import OF_SYSTEM, Requirement, load_requirements
from harness.target.scope import thresholds, waivers

_EMULATED: Final = "emulated device"
_OF_POLICY: Final = ("SHM-SYS-03", "SHM-SYS-06")
"""What cannot be judged of a system without a policy."""


@dataclass(frozen=True)
class TriedSystem:
    """A user's system that a run tries; with ``alone`` the run is about nothing else."""

    folder: Path
    has_policy: bool
    alone: bool


def scope_of_run(
    config: Any,
    known: Mapping[str, BenchConfig],
    selected: Mapping[str, BenchConfig],
    systems: Mapping[str, TriedSystem],
    *,
    named: Mapping[str, Requirement],
    figures: bool,
    left_out: Mapping[str, list[str]],
) -> ScopeSet:
    """The scope of each bench of a labgrid configuration, and the waivers of those that are selected.

    ``named`` are the requirements that tests of the run may name: what a catalogue of the user's own
    (``--requirements``) states beyond the harness's is to be judged as well, whatever a target selects of that.

    ``left_out`` are the placements that the run leaves out, ``systems`` the systems that are tried, by the name of the
    bench. With ``figures`` the run takes many samples of each figure, and the thresholds of the selected benches are
    for it.

    Raises UsageError for a file of waivers that cannot be used.
    """
    catalogue = load_requirements()
    today = datetime.now(UTC).date()
    return ScopeSet(
        benches=[
            replace(
                _of_bench(config, bench, catalogue, named, systems.get(name), name in selected),
                left_out=left_out.get(name, []),
            )
            for name, bench in known.items()
        ],
        waivers=[
            waiver
            for name, bench in selected.items()
            if bench.waivers
            for waiver in waivers.read(bench.waivers, name, today, catalogue)
        ],
        thresholds=[each for bench in selected.values() for each in thresholds.of_bench(bench)] if figures else [],
    )


def scope_complaints(scope: Scope | None, release: str) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What is wrong with a scope on a bench of this release: its place in it, and the words."""
    if scope is None:
        return
    if not scope.name.strip():
        yield ("name",), "is empty; expected what the selection is called"
    if not scope.requirements:
        yield ("requirements",), "is empty; expected ids of requirements"
    known = load_requirements()
    for number, pattern in enumerate(scope.requirements):
        named = [each for name, each in known.items() if fnmatchcase(name, pattern)]
        judged = {each for requirement in named if requirement.kind == "judge" for each in requirement.releases}
        if not named:
            yield ("requirements", number), f"no requirement of the catalogue is {pattern}"
        elif judged and release not in judged:
            yield (
                ("requirements", number),
                f"{pattern} is stated for {', '.join(sorted(judged))}, and not for {release}",
            )


def _stated(catalogue: Mapping[str, Requirement], release: str) -> list[str]:
    return [each.id for each in catalogue.values() if each.kind == "judge" and release in each.releases]


def _of_bench(
    config: Any,
    bench: BenchConfig,
    catalogue: Mapping[str, Requirement],
    named: Mapping[str, Requirement],
    system: TriedSystem | None,
    selected: bool,
) -> BenchScope:
    stated = _stated(catalogue, bench.release)
    own = [each for each in _stated(named, bench.release) if each not in stated and not each.startswith(OF_SYSTEM)]
    of_system = [each for each in stated if each.startswith(OF_SYSTEM)] if system else []
    stated = [each for each in stated if not each.startswith(OF_SYSTEM)]
    if system and not system.has_policy:
        of_system = [each for each in of_system if each not in _OF_POLICY]
    if system and system.alone:
        item = f"system {system.folder.name} on {_item(config, bench)}"
        return BenchScope(bench.name, item, bench.release, "the user's system", of_system, selected)
    name = f"all that is stated for {bench.release}"
    if bench.beyond:
        name += f", with one test each of what is stated for {bench.beyond} as well"
    if bench.scope:
        patterns = bench.scope.requirements
        stated = [each for each in stated if any(fnmatchcase(each, pattern) for pattern in patterns)]
        name = bench.scope.name
    if own:
        name += ", and a catalogue of its own"
    return BenchScope(bench.name, _item(config, bench), bench.release, name, [*stated, *own, *of_system], selected)


def _item(config: Any, bench: BenchConfig) -> str:
    """What is under test on a bench: boards are distinguished by their names, emulated devices are all alike."""
    kind = _kind(config, bench.name)
    plain = dataclasses.asdict(Profile.load(bench.release))
    other = [f"{name}={value}" for name, value in dataclasses.asdict(bench.profile).items() if plain[name] != value]
    profile = f"profile {bench.release}" + (f" with {', '.join(other)}" if other else "")
    name = kind if kind == _EMULATED else f"{kind} {bench.name}"
    return f"{name} ({bench.item}), {profile}" if bench.item else f"{name}, {profile}"


def _kind(config: Any, name: str) -> str:
    drivers = config.get_targets()[name].get("drivers") or {}
    names = drivers if isinstance(drivers, dict) else [word for entry in drivers for word in entry]
    for word in names:
        cls = target_factory.drivers.get(word)
        if isinstance(cls, type) and issubclass(cls, ShmemHostProtocol):
            return cls.item_kind
    return ShmemHostProtocol.item_kind
