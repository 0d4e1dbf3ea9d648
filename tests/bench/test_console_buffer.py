# SPDX-License-Identifier: Apache-2.0
"""What a console said is kept whole, stamped, and waited for in bounded time."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from harness.console.buffer import ConsoleBuffer, ConsoleEndedError, ConsoleLog


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "sub" / "console.log"


@pytest.fixture
def buffer(log: Path) -> ConsoleBuffer:
    return ConsoleBuffer("guest0", ConsoleLog(log, "guest0"))


def _soon(seconds: float = 5.0) -> float:
    return time.monotonic() + seconds


def test_bytes_that_came_before_the_read_are_there(buffer: ConsoleBuffer) -> None:
    buffer.received(b"one\r\ntw")
    buffer.received(b"o")
    assert buffer.read(_soon()) == b"one\r\ntwo"


def test_a_waiting_read_wakes_up_for_one_byte(buffer: ConsoleBuffer) -> None:
    thread = threading.Timer(0.05, buffer.received, [b"x"])
    thread.start()
    assert buffer.read(_soon()) == b"x"
    thread.join()


def test_a_limited_read_leaves_the_rest(buffer: ConsoleBuffer) -> None:
    buffer.received(b"abcdef")
    assert buffer.read(_soon(), 4) == b"abcd"
    assert buffer.read(_soon()) == b"ef"


def test_a_timed_out_read_shows_the_last_lines(buffer: ConsoleBuffer) -> None:
    buffer.received(b"\n".join(b"line %d" % number for number in range(30)) + b"\npartial")
    buffer.read(_soon())
    with pytest.raises(TimeoutError, match=r"guest0(.|\n)*line 29\n  \| partial") as error:
        buffer.read(_soon(0.01))
    assert "line 10\n" not in str(error.value)


def test_a_silent_console_is_said_to_be_silent(buffer: ConsoleBuffer) -> None:
    with pytest.raises(TimeoutError, match=r"guest0:\n  \(it has shown nothing"):
        buffer.read(_soon(0.01))


def test_the_end_of_the_console_ends_a_wait_at_once_but_after_the_bytes(buffer: ConsoleBuffer) -> None:
    buffer.received(b"last words")
    buffer.end("the port closed")
    assert buffer.read(_soon()) == b"last words"
    start = time.monotonic()
    with pytest.raises(ConsoleEndedError, match=r"the port closed(.|\n)*last words"):
        buffer.read(_soon(60))
    assert time.monotonic() - start < 30


def test_the_log_has_a_stamped_line_per_line(log: Path) -> None:
    now = 100.0
    writer = ConsoleLog(log, "guest0", clock=lambda: now)
    now = 100.5
    writer.received(b"hel")
    now = 101.0
    writer.received(b"lo\r\nworld\n")
    writer.sent(b"ask\n")
    now = 102.0
    writer.received(b"\xff unfinished")
    writer.close()
    writer.close()
    assert log.read_text().splitlines()[1:] == [
        "    0.500000 < hello",
        "    1.000000 < world",
        "    1.000000 > ask",
        "    2.000000 < \\xff unfinished",
    ]


def test_a_second_guest_of_the_same_log_is_appended(log: Path) -> None:
    for name in ("first", "second"):
        ConsoleLog(log, name).close()
    assert [line.split(",")[0].split("# ")[1] for line in log.read_text().splitlines()] == [
        "console of first",
        "console of second",
    ]
