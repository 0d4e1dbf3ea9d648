# SPDX-License-Identifier: Apache-2.0
"""Figures held against the thresholds of target files.

A figure that is too noisy to judge neither keeps nor misses one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Final

from harness.report.evidence.few import few
from harness.report.evidence.model import Metric
from harness.report.figures.records import Threshold, ThresholdVerdict
from harness.site import Site

_SHOWN: Final = 3
_WORST_FIRST: Final = ("missed", "too noisy to judge", "not measured", "kept")


def judged(thresholds: Iterable[Threshold], metrics: Sequence[Metric]) -> list[ThresholdVerdict]:
    """Every threshold with each figure that falls under it; one without any is there once."""
    return [verdict for threshold in dict.fromkeys(thresholds) for verdict in _of_one(threshold, metrics)]


def of_kind(verdicts: Iterable[ThresholdVerdict], *kinds: str) -> list[ThresholdVerdict]:
    """Those with one of these verdicts."""
    return [each for each in verdicts if each.verdict in kinds]


def idle(verdicts: Sequence[ThresholdVerdict]) -> list[ThresholdVerdict]:
    """Those of thresholds that no figure at all was held against."""
    held = {each.threshold for each in of_kind(verdicts, "kept", "missed")}
    return [each for each in verdicts if each.threshold not in held]


def worst_first(verdicts: Iterable[ThresholdVerdict]) -> list[ThresholdVerdict]:
    """Those that were missed, those that could not be judged, and the rest."""
    return sorted(verdicts, key=lambda each: _WORST_FIRST.index(each.verdict))


def lines(verdicts: Sequence[ThresholdVerdict]) -> Iterator[str]:
    """What is to be said of those that were not kept: missed ones first."""
    for each in of_kind(verdicts, "missed"):
        yield f"threshold missed: {figure(each)}: {found(each)}, expected {asked(each.threshold)}"
    yield from unjudged(verdicts)


def unjudged(verdicts: Sequence[ThresholdVerdict]) -> Iterator[str]:
    """What is to be said of those that were neither kept nor missed."""
    for each in of_kind(verdicts, "too noisy to judge"):
        yield f"threshold not judged: {figure(each)}: too noisy to judge, expected {asked(each.threshold)}"
    for each in of_kind(verdicts, "not measured"):
        yield f"threshold not judged: no figure was taken that is {figure(each)}, expected {asked(each.threshold)}"


def reasons(verdicts: Sequence[ThresholdVerdict]) -> list[str]:
    """Why a run fails that has missed some."""
    missed = [f"{figure(each)}: {found(each)}" for each in of_kind(verdicts, "missed")]
    if not missed:
        return []
    what = "a threshold was" if len(missed) == 1 else f"{len(missed)} thresholds were"
    return [f"{what} missed: {few(missed, _SHOWN, '; ')}"]


def figure(verdict: ThresholdVerdict) -> str:
    """The figure with its block size and place. What was not measured is what the threshold names."""
    block = f" {verdict.block_bytes} bytes" if verdict.block_bytes else ""
    return f"{verdict.name}{block}, {f'{verdict.site.bench} {verdict.site.way}'.strip()}"


def found(verdict: ThresholdVerdict) -> str:
    """What was held against the threshold; empty where nothing was."""
    return "" if verdict.found is None else f"{verdict.found:.4g}{_of(verdict.threshold, verdict.against)}"


def asked(threshold: Threshold) -> str:
    """The bounds in words."""
    bounds = (("at least", threshold.least), ("at most", threshold.most))
    return " and ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None) + _of(threshold)


def _of(threshold: Threshold, against: str = "") -> str:
    """In which unit a number is."""
    return f" {threshold.unit}" if threshold.unit else f" of {against or 'the reference'}"


def _of_one(threshold: Threshold, metrics: Sequence[Metric]) -> Iterator[ThresholdVerdict]:
    under = [metric for metric in metrics if _is_for(threshold, metric)]
    for metric in under:
        number = metric.value if threshold.unit else metric.ratio
        yield ThresholdVerdict(
            threshold=threshold,
            verdict="too noisy to judge" if metric.too_noisy else "kept" if _keeps(threshold, number) else "missed",
            site=metric.site,
            name=metric.name,
            block_bytes=metric.block_bytes,
            against=metric.against,
            found=None if metric.too_noisy else number,
        )
    if not under:
        nowhere = Site(threshold.bench, "", "")
        yield ThresholdVerdict(threshold, "not measured", nowhere, threshold.figure, threshold.block_bytes)


def _is_for(threshold: Threshold, metric: Metric) -> bool:
    return (
        metric.site.bench == threshold.bench
        and fnmatchcase(metric.name, threshold.figure)
        and threshold.block_bytes in (None, metric.block_bytes)
        and (metric.unit == threshold.unit if threshold.unit else metric.ratio is not None)
    )


def _keeps(threshold: Threshold, number: float | None) -> bool:
    """Whether a number is within the bounds; none at all is not."""
    if number is None:
        return False
    low, high = threshold.least, threshold.most
    return (low is None or number >= low) and (high is None or number <= high)
