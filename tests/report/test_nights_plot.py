# SPDX-License-Identifier: Apache-2.0
"""Figures over many nights, in the page: what regressed with its night, and a plot whose words say the finding."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness.measure.baseline import ChangePoint
from harness.measure.changes import WATCHED
from harness.report.evidence import reader
from harness.report.evidence.document import build
from harness.report.evidence.journal import Began, Ended, NightsCompared
from harness.report.evidence.model import Report
from harness.report.figures.records import FigureHistory
from harness.report.pages import html, nights
from harness.site import Site

SITE = Site("desk", "x86_64", "pci", "probe", "serial")
RUNS = [f"202601{day:02}T020000Z-0000{day:02}" for day in range(1, 13)]
WORSE = ChangePoint(RUNS[8], "2026-01-09T02:00:00+00:00", 0.98, 0.49)


def figure(name: str = "copy", block: int | None = 4096, levels: tuple[float, float] = (0.98, 0.98)) -> FigureHistory:
    values = {run: levels[index >= 8] for index, run in enumerate(RUNS)}
    return FigureHistory("device", name, "of private RAM", SITE, block, "higher", values, [], [])


FALLEN = replace(figure(levels=(0.98, 0.49)), changes=[WORSE], regressed=WORSE)
RISEN = replace(
    figure(block=64, levels=(0.5, 0.6)), changes=[ChangePoint(RUNS[8], "2026-01-09T02:00:00+00:00", 0.5, 0.6)]
)


def report(*history: FigureHistory) -> Report:
    began = Began(RUNS[-1], "2026-01-12T02:00:00+00:00", "harness bench", "1", "c" * 40, "P", "L")
    return build([began, NightsCompared(list(history)), Ended("2026-01-12T02:00:00+00:00")])


def test_the_words_of_a_plot_say_the_finding() -> None:
    (plot,) = nights.history([figure(block=8), RISEN, FALLEN, figure(block=16)])
    assert plot.title == "copy: over 12 nights"
    assert plot.alternative == (
        "copy: over 12 nights. desk 4 KiB: regressed, -50.0 % since 2026-01-09;"
        " desk 64 B: +20.0 % since 2026-01-09; 2 without a change."
    )
    ElementTree.fromstring(plot.document)
    assert nights.history([figure()])[0].alternative == "copy: over 12 nights. 1 without a change."


def test_plots_with_a_regression_come_first() -> None:
    found = nights.history([figure("aaa"), FALLEN, figure("bbb")])
    assert [plot.stem for plot in found] == ["history-copy", "history-aaa", "history-bbb"]


def test_two_nights_are_no_plot() -> None:
    assert nights.history([replace(figure(), nights=dict.fromkeys(RUNS[:2], 1.0))]) == []


def test_every_change_point_is_drawn_and_every_noisy_night() -> None:
    def lines(each: FigureHistory) -> int:
        (plot,) = nights.history([each])
        return plot.document.count("stroke-dasharray")

    assert lines(FALLEN) == lines(replace(FALLEN, changes=[])) + 1
    (plain,), (noisy,) = nights.history([FALLEN]), nights.history([replace(FALLEN, too_noisy=RUNS[3:5])])
    assert plain.document.count("#ffffff") < noisy.document.count("#ffffff")


@pytest.mark.parametrize("fallen", [0.49, 0.001])
def test_the_same_history_is_the_same_picture(fallen: float) -> None:
    history = [replace(FALLEN, nights=figure(levels=(0.98, fallen)).nights), figure(block=8)]
    assert nights.history(history) == nights.history(history)


def test_more_changes_than_can_be_told_apart_are_counted() -> None:
    many = [replace(FALLEN, block_bytes=2**power) for power in range(3, 12)]
    (plot,) = nights.history(many)
    assert plot.alternative.count("regressed") == 6
    assert "3 others, 3 of them changed less" in plot.alternative


def test_the_page_names_the_night(tmp_path: Path) -> None:
    html.write(tmp_path, report(FALLEN, figure(block=8)))
    page = (tmp_path / "index.html").read_text()
    part = page[page.index("Since earlier nights") :]
    assert '<span class="verdict fail">regressed</span> -50.0 %' in part
    assert "2026-01-09, run" in part
    assert 'alt="copy: over 12 nights. desk 4 KiB: regressed, -50.0 % since 2026-01-09; 1 without a change."' in part
    assert (tmp_path / "pictures/history-copy.svg").is_file()


def test_a_page_without_a_regression_says_so(tmp_path: Path) -> None:
    html.write(tmp_path, report(figure()))
    assert "Nothing is worse than in the nights before." in (tmp_path / "index.html").read_text()


def test_a_history_is_read_back_whole() -> None:
    whole = report(FALLEN, replace(figure(), too_noisy=RUNS[:1]))
    data = json.loads(reader.to_json(whole))
    assert data["history"][0]["regressed"]["run"] == RUNS[8]
    assert len(data["history"][0]["nights"]) == len(RUNS) <= WATCHED
