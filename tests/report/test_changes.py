# SPDX-License-Identifier: Apache-2.0
"""Figures over many nights: equal runs give no alarm, real changes are found, and the night is named."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from harness.errors import BenchError
from harness.measure.baseline import Direction
from harness.measure.changes import Regression, regressions, steps
from harness.measure.history import History, Key, Night
from harness.site import Site

SITE = Site("qemu-aarch64", "aarch64", "pci", "probe", "serial")


def key(name: str = "copy", better: Direction = "higher", item: str = "device") -> Key:
    return Key(item, name, "MB/s", 4096, SITE, better)


def night(number: int, value: float, noise: float | None = 0.02, *, believed: bool = True) -> Night:
    return Night(f"run{number:03}", f"2026-01-{number + 1:02}T02:00:00+00:00", "c" * 40, value, noise, believed)


def drawn(draw: random.Random, levels: Sequence[float], sigma: float = 0.02) -> list[Night]:
    """Nights as a shared machine gives them: normal noise, and one in twenty strays three times as far."""
    values = [level * (1 + draw.gauss(0, sigma) * (3 if draw.random() < 0.05 else 1)) for level in levels]
    return [night(number, value) for number, value in enumerate(values)]


def test_twenty_pairs_of_equal_runs_give_no_alarm() -> None:
    draw = random.Random(1)
    assert [steps(drawn(draw, [100.0] * 2)) for _ in range(20)] == [[]] * 20


@pytest.mark.parametrize("sigma", [0.005, 0.02, 0.05])
def test_equal_nights_give_no_alarm(sigma: float) -> None:
    """Series of up to fifty nights, of which one in twenty strays."""
    draw = random.Random(2)
    alarms = [length for length in range(3, 46, 6) for _ in range(8) if steps(drawn(draw, [100.0] * length, sigma))]
    assert len(alarms) <= 1, alarms


@pytest.mark.parametrize(
    ("factor", "sigma"), [(0.9, 0.01), (0.8, 0.02), (1.25, 0.02), (0.5, 0.05), (100.0, 0.05), (0.001, 0.05)]
)
@pytest.mark.parametrize(("before", "after"), [(8, 4), (20, 10), (3, 20)])
def test_a_change_is_found_in_its_night(factor: float, sigma: float, before: int, after: int) -> None:
    draw = random.Random(3)
    for _ in range(5):
        found = steps(drawn(draw, [100.0] * before + [100.0 * factor] * after, sigma))
        assert [step.run for step in found] == [f"run{before:03}"], found
        assert found[0].relative == pytest.approx(factor - 1, rel=0.25)


@pytest.mark.parametrize("factor", [0.5, 2.0, 0.001])
def test_a_large_change_is_found_in_its_first_night(factor: float) -> None:
    draw = random.Random(5)
    for before in range(5, 25):
        found = steps(drawn(draw, [100.0] * before + [100.0 * factor]))
        assert [step.run for step in found] == [f"run{before:03}"]


def test_two_changes_are_two() -> None:
    draw = random.Random(4)
    found = steps(drawn(draw, [100.0] * 10 + [80.0] * 10 + [100.0] * 10))
    assert [step.run for step in found] == ["run010", "run020"]
    assert [step.relative > 0 for step in found] == [False, True]


def test_what_is_below_five_per_cent_is_no_change() -> None:
    """However certain it is."""
    exact = [night(number, 100.0 if number < 10 else 96.0, 0.001) for number in range(20)]
    assert steps(exact) == []
    plain = [night(number, 100.0 if number < 10 else 94.0, 0.001) for number in range(20)]
    assert [step.run for step in steps(plain)] == ["run010"]


def test_a_night_says_how_noisy_it_is() -> None:
    """The same values: believed when each night knows its own within 1 %, and not when within 60 %."""
    values = [100.0] * 3 + [70.0]
    assert steps([night(number, value, 0.01) for number, value in enumerate(values)]) != []
    assert steps([night(number, value, 0.6) for number, value in enumerate(values)]) == []


def test_a_noisy_night_counts_for_what_it_can_tell() -> None:
    """Within 80 %, a half is nothing; a thousandth is, whatever it is exactly, and stays so when it moves."""
    nights = [night(number, 100.0) for number in range(8)]
    assert steps([*nights, *(night(number, 50.0, 0.8, believed=False) for number in range(8, 10))]) == []
    collapsed = [0.1, 0.08, 0.24, 0.3]
    noisy = [night(8 + number, value, 0.8, believed=False) for number, value in enumerate(collapsed)]
    for end in range(1, 5):
        (found,) = regressions({key(): [*nights, *noisy[:end]]}, noisy[end - 1].run)
        assert found.step.run == "run008"
        assert found.step.before == pytest.approx(100.0)


def test_a_figure_that_got_worse_and_a_little_better_is_still_worse() -> None:
    nights = [night(number, 100.0 if number < 8 else 50.0 if number < 12 else 70.0) for number in range(16)]
    (found,) = regressions({key(): nights}, "run015")
    assert found.step.run == "run008"
    assert found.step.relative == pytest.approx(-0.3)


def test_one_bad_night_that_is_over_is_no_regression() -> None:
    nights = [night(number, 50.0 if number == 5 else 100.0) for number in range(12)]
    assert regressions({key(): nights}, "run011") == []
    assert [one.step.run for one in regressions({key(): nights[:6]}, "run005")] == ["run005"]


@pytest.mark.parametrize(("better", "worse"), [("higher", 0.8), ("lower", 1.25)])
def test_only_the_worse_direction_regresses(better: Direction, worse: float) -> None:
    def last(factor: float) -> list[Regression]:
        nights = [night(number, 100.0 if number < 6 else 100.0 * factor) for number in range(9)]
        return regressions({key(better=better): nights}, "run008")

    (found,) = last(worse)
    assert (found.step.run, found.key.name) == ("run006", "copy")
    assert last(1 / worse) == []


def test_a_regression_is_told_again_each_night_until_it_is_gone() -> None:
    nights = [night(number, 100.0 if number < 6 else 80.0) for number in range(12)]
    for end in range(7, 13):
        assert [one.step.run for one in regressions({key(): nights[:end]}, nights[end - 1].run)] == ["run006"]
    recovered = [*nights, *(night(number, 100.0) for number in range(12, 15))]
    assert regressions({key(): recovered}, "run014") == []


def test_figures_that_a_run_has_not_are_not_told() -> None:
    nights = [night(number, 100.0 if number < 6 else 80.0) for number in range(8)]
    assert regressions({key(): nights}, "another") == []


def test_the_largest_change_comes_first() -> None:
    series = {
        key("a bit"): [night(number, 100.0 if number < 6 else 85.0) for number in range(8)],
        key("a lot"): [night(number, 100.0 if number < 6 else 10.0) for number in range(8)],
    }
    assert [one.key.name for one in regressions(series, "run007")] == ["a lot", "a bit"]


# The file


def test_what_was_added_is_there_in_order(tmp_path: Path) -> None:
    history = History(tmp_path / "reports" / "figures.sqlite")
    assert history.series() == {}
    nights = [night(number, 100.0 + number, None if number else 0.5, believed=bool(number)) for number in range(3)]
    for one in (nights[2], nights[0], nights[1]):
        assert history.add([(key(), one), (key("write", "lower"), one)]) == 2
    assert history.series() == {key(): nights, key("write", "lower"): nights}


def test_a_run_is_added_once(tmp_path: Path) -> None:
    history = History(tmp_path / "figures.sqlite")
    assert history.add([(key(), night(1, 100.0))]) == 1
    assert history.add([(key(), night(1, 999.0)), (key(item="board 2"), night(1, 5.0))]) == 1
    assert history.series() == {key(): [night(1, 100.0)], key(item="board 2"): [night(1, 5.0)]}


@pytest.mark.parametrize("statement", ["DELETE FROM figures", "UPDATE figures SET value = 1"])
def test_nothing_that_is_there_changes(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "figures.sqlite"
    History(path).add([(key(), night(1, 100.0))])
    with closing(sqlite3.connect(path)) as file, pytest.raises(sqlite3.IntegrityError, match="only added"):
        file.execute(statement)


def test_a_file_that_is_no_history_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "figures.sqlite"
    path.write_text("something else")
    for use in (History(path).series, lambda: History(path).add([(key(), night(1, 100.0))])):
        with pytest.raises(BenchError, match=r"figures\.sqlite cannot be used: .*not a database"):
            use()


def test_a_history_of_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "figures.sqlite"
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA user_version = 7")
    with pytest.raises(BenchError, match="version 7"):
        History(path).add([])
