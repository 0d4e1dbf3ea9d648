# SPDX-License-Identifier: Apache-2.0
"""The event stream and the progress that is made from it."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable

import pytest

from harness.events import Action, CaseEnded, CasesPlanned, CaseStarted, Event, Stream
from harness.report.recording.live import LiveTable
from harness.report.recording.progress import Progress


def test_subscribers_get_every_event_in_order_until_they_leave() -> None:
    seen: list[Event] = []
    stream = Stream()
    leave = stream.subscribe(seen.append)
    events = [Action(what="start"), CasesPlanned(total=1), Action(what="stop")]
    for event in events:
        stream.emit(event)
    leave()
    leave()
    stream.emit(Action(what="unseen"))
    assert seen == events


def test_an_error_of_a_subscriber_reaches_the_emitter() -> None:
    stream = Stream()

    def full(_event: Event) -> None:
        raise OSError("disk full")

    stream.subscribe(full)
    with pytest.raises(OSError, match="disk full"):
        stream.emit(Action(what="start"))


def test_events_of_many_threads_come_one_by_one() -> None:
    stream = Stream()
    inside, overlaps, count = 0, 0, 0

    def subscriber(_event: Event) -> None:
        nonlocal inside, overlaps, count
        inside += 1
        overlaps += inside > 1
        count += 1
        inside -= 1

    def emitter() -> None:
        for _ in range(500):
            stream.emit(Action(what="x"))

    stream.subscribe(subscriber)
    threads = [threading.Thread(target=emitter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (overlaps, count) == (0, 2000)


def test_action_in_words() -> None:
    assert str(Action(what="start guest", bench="board", guest="g1", detail="2 vdevs")) == (
        "board start guest g1 (2 vdevs)"
    )


@pytest.fixture
def clock() -> Callable[[], float]:
    """A clock that goes on by ten seconds at each look."""
    now = [0.0]

    def look() -> float:
        now[0] += 10
        return now[0]

    return look


def test_progress_in_a_log(clock: Callable[[], float]) -> None:
    out = io.StringIO()
    progress = Progress(out, None, clock)
    progress(CasesPlanned(total=10))
    for number in range(2):
        progress(CaseStarted(case=f"suites/access/test_a.py::test_{number}", bench="board", requirements=("R-1",)))
        progress(Action(what="start guest"))
        progress(CaseEnded(case=f"test_a.py::test_{number}", verdict="pass", duration_s=1.5, requirements=("R-1",)))
    assert out.getvalue().splitlines() == [
        "[ 1/10] pass     R-1 test_a.py::test_0  1.50 s, about 1 min 30 s left",
        "[ 2/10] pass     R-1 test_a.py::test_1  1.50 s, about 1 min 20 s left",
    ]


def test_progress_on_a_terminal_keeps_to_one_line(clock: Callable[[], float]) -> None:
    out = io.StringIO()
    progress = Progress(out, 40, clock)
    progress(CasesPlanned(total=2))
    progress(CaseStarted(case="test_a.py::test_with_a_name_that_is_longer_than_the_terminal", bench="board"))
    progress(Action(what="start guest", guest="g1"))
    progress(CaseEnded(case="test_a.py::test_x", verdict="pass", duration_s=0.1))
    progress(CaseEnded(case="test_a.py::test_y", verdict="fail", duration_s=0.1))
    progress.close()
    shown = out.getvalue()
    lines = [part for line in shown.split("\n") for part in line.split("\r\x1b[2K")]
    assert all(len(line) < 40 for line in lines if "fail" not in line)
    assert shown.count("\n") == 1
    assert "test_y" in shown.split("\n")[0]


def test_a_table_of_all_benches_on_a_terminal(clock: Callable[[], float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    out = io.StringIO()
    table = LiveTable(out, clock)
    table(CasesPlanned(total=4))
    table(CaseStarted(case="a/test_a.py::test_0", bench="left", requirements=("R-1",)))
    table(Action(what="start", bench="right", guest="guest1"))
    table(CaseEnded(case="a/test_a.py::test_0", verdict="pass", duration_s=1.0, bench="left"))
    table(CaseEnded(case="a/test_a.py::test_[1]", verdict="fail", duration_s=1.0, bench="right"))
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())
    assert "R-1 test_a.py::test_0" in shown
    assert "start guest1" in shown
    assert "fail   right test_a.py::test_[1]" in shown
    table.close()
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())
    rows = [line.split() for line in shown.replace("\r", "\n").splitlines()]
    assert [row for row in rows if row[:1] == ["left"]][-1] == ["left", "1", "0", "0", "0", "0"]
    assert [row for row in rows if row[:1] == ["right"]][-1] == ["right", "0", "1", "0", "0", "0"]
    assert any("2 of 4 tests" in " ".join(row) and "left" in row for row in rows)
