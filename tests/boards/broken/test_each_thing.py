# SPDX-License-Identifier: Apache-2.0
"""Whole kinds of broken hosts: each command and each request for a file that a run makes, spoilt in each way.

What they are is not listed here but taken from a run on a good host, so a command that the driver gets tomorrow is
spoilt too. Each ends in an error of the bench that names what was asked for, or changes nothing.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import pytest

from harness.errors import BenchError
from harness.host.protocol import GuestEndedError
from harness.loopback.resource import LoopbackBoard
from tests import programs
from tests.boards.broken.bench import WHOLE, BrokenBench, Spoilt
from tests.boards.broken.between import ALL

_COMMANDS: Final = (
    *("fails", "missing", "garbage", "garbage and failure", "noise before", "killed", "mute", "wrong status"),
    *("says it is done", "slow", "floods", "hangs"),
)
_FILES: Final = (
    *("denied", "failure", "no such file", "unsupported", "says it is done", "ended", "something else", "garbage"),
    *("closes", "slow", "floods", "hangs"),
)
_EACH: Final = tuple(dict.fromkeys((*_COMMANDS, *_FILES)))
_LATE: Final = ("slow", "hangs")
"""Each of these takes long, so only the long test has them."""
_MOST_SECONDS: Final = 300.0
"""Ten times what the longest waits of a run are together: what takes longer has no limit."""
_ANSWERS: Final = 65
"""The exit status of a qvm by which a suite learns something of the device."""
_COMMON: Final = frozenset(("each", "echo", "command", "exec", "null", "done", "exit", "status"))

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")


@pytest.fixture(scope="module")
def board() -> Iterator[LoopbackBoard]:
    """A board of this module's own: its server is set up in another way."""
    board = LoopbackBoard()
    yield board
    board.close()


@pytest.fixture
def broken(board: LoopbackBoard, tmp_path: Path) -> Iterator[BrokenBench]:
    bench = BrokenBench(board, tmp_path)
    yield bench
    bench.end()


@pytest.fixture
def asked(broken: BrokenBench) -> list[str]:
    """What a run on a good host asks for, each once."""
    assert broken.use(WHOLE) is None
    return list(dict.fromkeys(broken.seen))


def _named(what: str, error: BenchError) -> bool:
    """Whether the error says what went wrong: a word of the command, or the file, or during what the transfer ended."""
    said = re.sub(r"\d+", "N", str(error))
    if what == ALL:
        return "commands over SSH" in said or "command -v" in said
    if what.startswith("sftp"):
        file = what.split()[-1].removeprefix(".").removesuffix(".new")
        return file in said or "lost during" in said or "file transfer" in said
    words = set(re.findall(r"[A-Za-z@][\w.@-]+", what)) - _COMMON
    return any(word in said for word in words)


def _problem(broken: BrokenBench, spoilt: Spoilt) -> str:
    """What is wrong with the end of a run on such a host, or nothing."""
    began = time.monotonic()
    try:
        error = broken.use(spoilt)
    except Exception as stranger:  # whatever is no error of the bench
        return f"{spoilt}: {type(stranger).__name__}: {stranger}"
    if (took := time.monotonic() - began) > _MOST_SECONDS:
        return f"{spoilt}: took {took:.0f} s"
    programs.until(lambda: not broken.guests(), f"{spoilt}: {broken.guests()} still run")
    if error is None:
        return ""
    if spoilt.how == "slow":
        return f"{spoilt}: only slow, but {error}"
    if isinstance(error, GuestEndedError) and error.exit_status == _ANSWERS:
        return f"{spoilt}: an answer: {error}"
    return "" if _named(spoilt.what, error) else f"{spoilt}: not named: {error}"


def _problems(broken: BrokenBench, spoilt: Iterable[Spoilt]) -> str:
    """A line or more for each thing with a wrong end."""
    found = [problem for each in spoilt if (problem := _problem(broken, each))]
    assert broken.use(WHOLE) is None
    return "\n".join(found)


def _ways(what: str) -> tuple[str, ...]:
    return _FILES if what.startswith("sftp") else _COMMANDS


def test_every_third_thing_in_another_way(broken: BrokenBench, asked: list[str]) -> None:
    """All things in all ways take long."""
    some = asked[::3]
    ways = [[way for way in _ways(what) if way not in _LATE] for what in some]
    sample = [
        Spoilt(what, each[number % len(each)]) for number, (what, each) in enumerate(zip(some, ways, strict=True))
    ]
    problems = _problems(broken, sample)
    assert not problems, problems


@pytest.mark.long
@pytest.mark.parametrize("how", _EACH)
def test_each_thing_in_this_way(broken: BrokenBench, asked: list[str], how: str) -> None:
    problems = _problems(broken, (Spoilt(what, how) for what in (*asked, ALL) if how in _ways(what)))
    assert not problems, problems
