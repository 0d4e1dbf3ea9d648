# SPDX-License-Identifier: Apache-2.0
"""The thresholds of a target file: what is wrong with them, and what of them a report keeps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.bench.settings import BenchConfig, Threshold
from harness.report.figures import records


def of_bench(bench: BenchConfig) -> list[records.Threshold]:
    """The thresholds of a bench as a report has them."""
    return [
        records.Threshold(bench.name, each.figure, each.block, each.unit, each.least, each.most)
        for each in bench.thresholds
    ]


def threshold_complaints(thresholds: Sequence[Threshold]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What is wrong with thresholds: its place among them, and the words behind the name of the place."""
    for number, threshold in enumerate(thresholds):
        for name in ("figure", "unit"):
            text = getattr(threshold, name)
            if text != text.strip() or (name == "figure" and not text):
                yield (number, name), f" is {text!r}; expected a text without spaces around it"
        for name in ("block", "least", "most"):
            value = getattr(threshold, name)
            if value is not None and value <= 0:
                yield (number, name), f" is {value:g}; expected a number above 0"
        least, most = threshold.least, threshold.most
        if least is None and most is None:
            yield (number,), " has no bound; expected least, most or both"
        elif least is not None and most is not None and least > most:
            yield (number, "least"), f" is {least:g}, and most is {most:g}: no figure can be both"
