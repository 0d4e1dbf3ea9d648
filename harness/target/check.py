# SPDX-License-Identifier: Apache-2.0
"""Everything about a target file that can be known without touching a board."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import harness.labgrid  # noqa: F401  A class that the file does not import is told from one that there is not.
from harness.bench.settings import BenchConfig
from harness.errors import UsageError
from harness.shmem.requirements import load_requirements
from harness.target import rules, templates
from harness.target.benches import benches_of
from harness.target.components import Components
from harness.target.imports import imported
from harness.target.problem import Fault, Problem, TargetFileError
from harness.target.reading.document import Document, read
from harness.target.schema import SchemaError
from harness.target.scope import waivers


def check(path: Path, *, filled_in: bool = True) -> list[Problem]:
    """Problems of a target file, in the order of their lines; empty for a good one.

    Lines that are marked with FILL IN come last; they are no problem unless the file has to be ``filled_in``.
    """
    try:
        document = read(path)
        faults, benches = _look(document)
    except TargetFileError as error:
        return list(error.problems)
    problems = _problems(document, faults)
    problems += _waivers(benches.values())
    for bench in benches.values():
        problems += _templates(bench)
    return _sorted(path, problems) + (document.marks if filled_in else [])


def require_environment(path: Path) -> None:
    """Raise UsageError unless the environment file that a command was given is there, and a run can use it."""
    if not path.is_file():
        raise UsageError(
            f"there is no environment file {path}",
            remedy="name one, or leave --lg-env out for the embedded benches",
        )
    require(path)


def require(path: Path) -> None:
    """Raise UsageError, with a line for each error, unless a run can use the target file.

    What ``!template`` wants has to be in the environment by now. Templates of guests are read when a guest needs them.
    """
    try:
        document = read(path, {name: value for name, value in os.environ.items() if name.startswith("LG_")})
        faults, benches = _look(document)
    except TargetFileError as error:
        problems = list(error.problems)
    else:
        found = [*_problems(document, faults), *_waivers(benches.values())]
        problems = _sorted(path, found) + document.marks
    errors = [problem for problem in problems if not problem.warning]
    if errors:
        raise UsageError("\n".join(["this target file cannot be used:", *map(str, errors)]))


def _look(document: Document) -> tuple[list[Fault], Mapping[str, BenchConfig]]:
    """What is wrong, and the benches if nothing is wrong with their options. Raises TargetFileError."""
    benches: Mapping[str, BenchConfig] = {}
    faults: list[Fault] = []
    try:
        benches = benches_of(document.data, document.path.absolute().parent)
    except SchemaError as error:
        faults += error.faults
    with imported(document):
        targets = document.data.get("targets")
        for name, target in targets.items() if isinstance(targets, dict) else ():
            if isinstance(target, dict):
                components = Components(name, target)
                faults += [*components.faults, *rules.faults(name, components, document)]
    return faults, benches


def _problems(document: Document, faults: Iterable[Fault]) -> list[Problem]:
    """Find the problems with their lines. What is wrong with a value on its own hides what follows from that."""
    reported = {problem.line for problem in document.problems}
    placed = (document.problem(fault) for fault in faults)
    return [*document.problems, *(problem for problem in placed if problem.line not in reported)]


def _waivers(benches: Iterable[BenchConfig]) -> list[Problem]:
    files = dict.fromkeys(bench.waivers for bench in benches if bench.waivers)
    return [problem for file in files for problem in waivers.problems(file, load_requirements())]


def _templates(bench: BenchConfig) -> Iterator[Problem]:
    locations = [""] if "pci" in bench.placements else []
    locations += [location.options for location in bench.mmio[:1]] if "mmio" in bench.placements else []
    yield from templates.problems(bench, locations)


def _sorted(path: Path, problems: Iterable[Problem]) -> list[Problem]:
    """Sort by line, the file's own problems first."""
    return sorted(dict.fromkeys(problems), key=lambda problem: (problem.file != str(path), problem.file, problem.line))
