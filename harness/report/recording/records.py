# SPDX-License-Identifier: Apache-2.0
"""What a test can record in addition to its verdict: figures, access verdicts, observations.

Each class is what the fixture of the same name hands to a test. Records stay in the stash of the item until the
session writes them down with the verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import pytest

from harness.measure.statistics import (
    Ratio,
    distribution,
    mad,
    median,
    median_spread,
    quantiles,
    ratio_of_interleaved,
    spread,
)
from harness.report.evidence.model import Access, Metric, Observation, Seen
from harness.report.recording.keys import BENCH, site

METRICS = pytest.StashKey[list[Metric]]()
ACCESS = pytest.StashKey[list[Access]]()
OBSERVATIONS = pytest.StashKey[list[Observation]]()


_TIMES: Final = 1000


@dataclass(frozen=True)
class Conditions:
    """Under which a figure was taken: pages of the region, mapping of its memory, the guest's loop, its clock and how
    that compares with the harness's. ``note`` is what else its reader has to know."""

    pages: int | None = None
    mapping: str = ""
    loop: str = ""
    clock: str = ""
    clock_check: str = ""
    note: str = ""


class Metrics:
    """Records figures of one test."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item

    def record(
        self,
        *,
        name: str,
        unit: str,
        value: float,
        reference: float | None = None,
        ratio: float | None = None,
        block_bytes: int | None = None,
        better: Literal["higher", "lower"] = "higher",
        samples: Sequence[float] = (),
        reference_samples: Sequence[float] = (),
        against: str = "",
        times: Sequence[float] = (),
        conditions: Conditions | None = None,
        watched: bool = True,
    ) -> Metric:
        """Record one figure; returns it as the report will show it.

        ``reference`` is the same measure of the thing to compare with (private RAM, say). ``samples`` are the single
        measurements behind ``value``. With as many ``reference_samples``, measured in turn with them, the ratio is the
        median of the pairs' ratios and gets an interval. ``ratio`` is taken from the argument, else from the samples,
        else it is value / reference. What else the machine does moves a figure that is not ``watched``, so it has no
        history. Raises ValueError for samples that cannot be paired.
        """
        under = conditions or Conditions()
        paired = ratio_of_interleaved(samples, reference_samples) if reference_samples else None
        if ratio is None and paired:
            ratio = paired.median
        elif ratio is None and reference:
            ratio = value / reference
        metric = Metric(
            name=name,
            unit=unit,
            value=value,
            reference=reference,
            ratio=ratio,
            test=self._item.nodeid,
            block_bytes=block_bytes,
            better=better,
            samples=list(samples),
            median=median(samples) if samples else None,
            mad=mad(samples) if samples else None,
            ratio_low=paired.low if paired else None,
            ratio_high=paired.high if paired else None,
            against=against,
            noise=_noise(paired, samples, times),
            count=len(times) or len(samples),
            percentiles=distribution(times) if times else {},
            times=quantiles(times, _TIMES),
            pages=under.pages,
            mapping=under.mapping,
            loop=under.loop,
            clock=under.clock,
            clock_check=under.clock_check,
            note=under.note,
            watched=watched,
            site=site(self._item),
        )
        self._item.stash.setdefault(METRICS, []).append(metric)
        return metric


class AccessMatrix:
    """Records access verdicts of one test."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item

    def record(
        self,
        *,
        configuration: str,
        guest: str,
        name: str,
        expected: bool | None,
        seen: bool,
        operation: str = "",
        detail: str = "",
    ) -> None:
        """Record whether ``guest`` reached the region ``name`` (``seen``) and whether it should (``expected``).

        ``configuration`` are the rules as a person reads them ("deny pluto, allow pluto*"). ``expected`` is None where
        the documents leave the answer open. ``operation`` is "create" or "attach" if the test distinguishes them,
        ``detail`` the status that the device gave.
        """
        where = site(self._item)
        access = Access(
            configuration=configuration,
            guest=guest,
            name=name,
            expected=None if expected is None else _word(expected),
            seen=_word(seen),
            bench=where.bench,
            architecture=where.architecture,
            placement=where.placement,
            test=self._item.nodeid,
            operation=operation,
            detail=detail,
        )
        self._item.stash.setdefault(ACCESS, []).append(access)


class Observations:
    """Records what one characterisation saw."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item

    def record(self, name: str, value: object) -> None:
        """Record the answer ``value`` to the question ``name``.

        The name of a field of the profile is for one of its readings, or for several joined by " or " that could not be
        distinguished: the report compares them with the bench's profile.
        """
        facts = self._item.stash.get(BENCH, None)
        declared = facts.readings.get(name, "") if facts else ""
        self._item.stash.setdefault(OBSERVATIONS, []).append(Observation(name, str(value), declared))


def _noise(paired: Ratio | None, samples: Sequence[float], times: Sequence[float]) -> float | None:
    """How well a figure is known. Medians of batches tell more than the times in them, which are of one moment."""
    if paired:
        return spread(paired.median, paired.low, paired.high)
    known = median_spread(samples)
    return median_spread(times) if known is None else known


def _word(allowed: bool) -> Seen:
    return "allowed" if allowed else "refused"
