# SPDX-License-Identifier: Apache-2.0
"""Which tests reach which lines of the emulated device, and so which of them can notice that a line is wrong.

A test reaches what its hosts run from its beginning to its end, and what they ran when the guests were started that it
shares with tests before it. What a host runs before the first test belongs to all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from coverage import CoverageData

from harness import shipped
from harness.errors import UsageError
from harness.structured import structure

CASES: Final = "cases.json"
"""The tests of a record, in its folder, beside the lines of each host."""

_LINES: Final = "lines.*"
_FOR_ALL: Final = ("emulator/device/", "emulator/service/")
"""Sources that know no architecture, below the package."""


@dataclass(frozen=True)
class Seen:
    """A test that ran while it was watched.

    ``starts`` is how many guests were started for it. A ``drawn`` one draws what it tries, for each bench anew.
    """

    test: str
    requirements: list[str]
    bench: str
    readings: dict[str, str]
    duration_s: float
    verdict: str
    starts: int
    drawn: bool = False

    @property
    def twin(self) -> tuple[str, str]:
        """The same for tests that differ in the architecture of their bench alone."""
        test = self.test.replace(self.bench, "*") if self.bench else self.test
        return test, json.dumps(self.readings, sort_keys=True)

    @property
    def setting(self) -> tuple[str, str]:
        """Equal for tests of one placement, guest image and way under the same readings, whatever the architecture.

        Tests that judge one requirement each of what all of them try have its name in theirs: it makes no difference.
        """
        test, readings = self.twin
        parameters = test.partition("[")[2]
        for requirement in self.requirements:
            parameters = parameters.replace(requirement, "*")
        return readings, parameters


@dataclass(frozen=True)
class Statement:
    """Lines of a source of the emulated host; ``file`` is relative to the folder of the package."""

    file: str
    first: int
    last: int


@dataclass(frozen=True)
class Reach:
    """The record. ``lines`` has the tests by file and line; ``everybody`` is the test with the empty name."""

    seen: list[Seen]
    lines: dict[str, dict[int, set[str]]] = field(default_factory=dict)

    def tests(self, statements: Iterable[Statement]) -> list[Seen]:
        """Those that reach one of the statements, in the order of the record."""
        reaching: set[str] = set()
        for statement in statements:
            lines = self.lines.get(statement.file, {})
            for line in range(statement.first, statement.last + 1):
                reaching |= lines.get(line, set())
        if "" in reaching:
            return list(self.seen)
        return [seen for seen in self.seen if seen.test in reaching or seen.test not in self._watched]

    @cached_property
    def _watched(self) -> set[str]:
        """Tests of which something is known. A test without a host of ours may reach anything."""
        return {test for lines in self.lines.values() for tests in lines.values() for test in tests}

    def without_twins(self, tests: Sequence[Seen]) -> list[Seen]:
        """Of tests that differ in the architecture alone, those of the bench that takes the least time.

        Drawn ones stay on each architecture in turn, from setting to setting: one has messages, the other more lines.
        """
        benches: dict[tuple[str, str], list[str]] = {}
        for seen in tests:
            benches.setdefault(seen.twin, []).append(seen.bench)
        turns = {setting: turn for turn, setting in enumerate(sorted({seen.setting for seen in tests if seen.drawn}))}

        def stays(seen: Seen) -> bool:
            twins = benches[seen.twin]
            if seen.drawn:
                return seen.bench == sorted(twins)[turns[seen.setting] % len(twins)]
            return seen.bench == min(twins, key=lambda bench: self._cost.get(bench, 0.0))

        return [seen for seen in tests if stays(seen)]

    @cached_property
    def _cost(self) -> dict[str, float]:
        cost: dict[str, float] = {}
        for seen in self.seen:
            cost[seen.bench] = cost.get(seen.bench, 0.0) + seen.duration_s
        return cost


def free_of_architecture(statements: Iterable[Statement]) -> bool:
    """Whether tests of one architecture are as good as those of another."""
    return all(statement.file.startswith(_FOR_ALL) for statement in statements)


def read(folders: Iterable[Path]) -> Reach:
    """The record of several sessions together, each in a folder of its own.

    Raises UsageError for one that another harness has made.
    """
    reach = Reach([])
    for folder in folders:
        seen = structure(json.loads((folder / CASES).read_text()), list[Seen], "record")
        reach.seen.extend(seen)
        own = dict(_by_test(folder))
        carried: dict[str, set[int]] = {}
        for case in seen:
            lines = own.get(case.test, {})
            if case.starts:
                carried = lines
            for where in (lines, carried):
                _add(reach, case.test, where)
        _add(reach, "", own.get("", {}))
    return reach


def _add(reach: Reach, test: str, lines: dict[str, set[int]]) -> None:
    for file, numbers in lines.items():
        tests = reach.lines.setdefault(file, {})
        for number in numbers:
            tests.setdefault(number, set()).add(test)


def _by_test(folder: Path) -> Iterator[tuple[str, dict[str, set[int]]]]:
    """The lines of each test by file, of all hosts together."""
    found: dict[str, dict[str, set[int]]] = {}
    for path in sorted(folder.glob(_LINES)):
        data = CoverageData(str(path))
        data.read()
        for measured in data.measured_files():
            if not Path(measured).is_relative_to(shipped.PACKAGE):
                raise UsageError(
                    f"the record {folder} was made with another harness: it has lines of {measured}",
                    remedy="leave --reach out, or use it with the harness that made it",
                )
            file = Path(measured).relative_to(shipped.PACKAGE).as_posix()
            for line, tests in data.contexts_by_lineno(measured).items():
                for test in tests:
                    found.setdefault(test, {}).setdefault(file, set()).add(line)
    yield from found.items()
