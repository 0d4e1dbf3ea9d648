# SPDX-License-Identifier: Apache-2.0
"""What a run found out about figures beyond their numbers.

These records are a part of ``results.json``; the rules of :mod:`harness.report.evidence.model` hold for them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from harness.measure.baseline import ChangePoint, Direction
from harness.site import Site
from harness.structured import FLAT


@dataclass(frozen=True)
class Threshold:
    """What a target file asks of the figures of a bench: of their values in ``unit``, without one of their ratios.

    ``figure`` is their name, or the beginning of it with a ``*``. With ``block_bytes`` those of that block size are
    meant alone.
    """

    bench: str
    figure: str
    block_bytes: int | None
    unit: str
    least: float | None
    most: float | None


@dataclass(frozen=True)
class ThresholdVerdict:
    """What came of a threshold for one figure; a threshold that no figure fell under is ``not measured``.

    ``found`` is the value or ratio that was held against it. One that is too noisy to judge has none.
    """

    threshold: Threshold
    verdict: Literal["kept", "missed", "too noisy to judge", "not measured"]
    site: Site = field(metadata=FLAT)
    name: str = ""
    block_bytes: int | None = None
    against: str = ""
    found: float | None = None


@dataclass(frozen=True)
class FigureHistory:
    """A figure of an item over the last nights, oldest first: its ratio, or its value where it has none, by run.

    ``unit`` is that of the value, or what the ratio is of. Nights of the runs in ``too_noisy`` could not be judged by
    themselves. ``changes`` are all change points; ``regressed`` says since when the figure is worse, and is None when
    it is not.
    """

    item: str
    name: str
    unit: str
    site: Site = field(metadata=FLAT)
    block_bytes: int | None
    better: Direction
    nights: dict[str, float]
    too_noisy: list[str]
    changes: list[ChangePoint]
    regressed: ChangePoint | None = None
