# SPDX-License-Identifier: Apache-2.0
"""The figures of all runs, in a file that is only ever added to."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Final, cast

from harness.errors import BenchError
from harness.measure.baseline import Direction
from harness.site import Site

FILE: Final = "figures.sqlite"
"""The name of the file in the folder of reports."""

_VERSION: Final = 1
_BUSY_SECONDS: Final = 30.0
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS figures (
    run TEXT NOT NULL, started TEXT NOT NULL, source TEXT NOT NULL, item TEXT NOT NULL,
    name TEXT NOT NULL, unit TEXT NOT NULL, block INTEGER NOT NULL, better TEXT NOT NULL,
    bench TEXT NOT NULL, architecture TEXT NOT NULL, placement TEXT NOT NULL, guest_image TEXT NOT NULL,
    via TEXT NOT NULL, value REAL NOT NULL, noise REAL, believed INTEGER NOT NULL,
    UNIQUE (run, item, name, unit, block, bench, architecture, placement, guest_image, via)
);
CREATE TRIGGER IF NOT EXISTS figures_are_kept BEFORE DELETE ON figures
    BEGIN SELECT RAISE(ABORT, 'figures are only added'); END;
CREATE TRIGGER IF NOT EXISTS figures_stay BEFORE UPDATE ON figures
    BEGIN SELECT RAISE(ABORT, 'figures are only added'); END;
"""


@dataclass(frozen=True, order=True)
class Key:
    """What makes two figures the same figure of two runs. ``item`` is what was under test: another board has another
    series."""

    item: str
    name: str
    unit: str
    block: int
    site: Site
    better: Direction


@dataclass(frozen=True)
class Night:
    """A figure of one run. ``noise`` is the half width of its 95 % interval, relative to it; None when it is not known.

    ``source`` is the commit of the harness. A figure that was too noisy is not ``believed``.
    """

    run: str
    started: str
    source: str
    value: float
    noise: float | None = None
    believed: bool = True


class History:
    """The file at ``path``, made when the first figures are added. Raises BenchError when it is no such file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, figures: Iterable[tuple[Key, Night]]) -> int:
        """Add the figures of a run, and return how many of them were not there yet."""
        rows = [_row(key, night) for key, night in figures]
        try:
            with closing(self._open()) as file, file:
                before = file.total_changes
                marks = ", ".join("?" * 16)
                file.executemany(f"INSERT OR IGNORE INTO figures VALUES ({marks})", rows)
                return file.total_changes - before
        except (sqlite3.Error, OSError) as error:
            raise self._broken(error) from error

    def series(self) -> dict[Key, list[Night]]:
        """Every figure over its runs, the oldest first."""
        if not self._path.exists():
            return {}
        found: dict[Key, list[Night]] = {}
        try:
            with closing(self._open()) as file:
                for row in file.execute("SELECT * FROM figures ORDER BY started, run"):
                    key, night = _entry(row)
                    found.setdefault(key, []).append(night)
        except sqlite3.Error as error:
            raise self._broken(error) from error
        return found

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = sqlite3.connect(self._path, timeout=_BUSY_SECONDS)
        try:
            (version,) = file.execute("PRAGMA user_version").fetchone()
            if version not in (0, _VERSION):
                raise sqlite3.DatabaseError(f"its format has version {version}, and this harness knows {_VERSION}")
            file.executescript(f"{_TABLE} PRAGMA user_version = {_VERSION};")
        except BaseException:
            file.close()
            raise
        return file

    def _broken(self, error: Exception) -> BenchError:
        return BenchError(
            f"the history of figures in {self._path} cannot be used: {error}",
            remedy="move the file away to begin a new history; the runs keep their figures",
        )


def _row(key: Key, night: Night) -> tuple[object, ...]:
    return (
        *(night.run, night.started, night.source, key.item),
        *(key.name, key.unit, key.block, key.better),
        *astuple(key.site),
        *(night.value, night.noise, night.believed),
    )


def _entry(row: Sequence[object]) -> tuple[Key, Night]:
    run, started, source, item, name, unit, block, better = row[:8]
    value, noise, believed = row[13:]
    site = Site(*(str(field) for field in row[8:13]))
    key = Key(str(item), str(name), str(unit), cast(int, block), site, cast(Direction, better))
    return key, Night(
        str(run), str(started), str(source), cast(float, value), cast("float | None", noise), bool(believed)
    )
