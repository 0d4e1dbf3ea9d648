# SPDX-License-Identifier: Apache-2.0
"""What is said of figures that are worse than in earlier nights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from harness.measure.baseline import ChangePoint
from harness.report.evidence.few import few
from harness.report.figures.records import FigureHistory

_SHOWN: Final = 3


def regressed(histories: Iterable[FigureHistory]) -> list[tuple[FigureHistory, ChangePoint]]:
    """Figures that are worse, with the change since which they are; the largest change comes first."""
    found = [(each, each.regressed) for each in histories if each.regressed]
    return sorted(found, key=lambda pair: -abs(math.log(pair[1].after / pair[1].before)))


def lines(histories: Iterable[FigureHistory]) -> Iterator[str]:
    """A line for each figure that is worse."""
    yield from (f"regressed: {_words(each, change)}" for each, change in regressed(histories))


def reasons(histories: Sequence[FigureHistory]) -> list[str]:
    """Why a run fails of which figures are worse."""
    found = [_words(each, change) for each, change in regressed(histories)]
    what = "a figure has" if len(found) == 1 else f"{len(found)} figures have"
    return [f"{what} regressed: {few(found, _SHOWN, '; ')}"] if found else []


def _words(each: FigureHistory, change: ChangePoint) -> str:
    block = f" {each.block_bytes} bytes" if each.block_bytes else ""
    return (
        f"{each.name}{block}, {each.site.bench} {each.site.way}:"
        f" {100 * change.relative:+.1f} % since {change.run} ({change.started[:10]})"
    )
