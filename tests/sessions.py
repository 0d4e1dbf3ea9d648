# SPDX-License-Identifier: Apache-2.0
"""A pytest session that shares its files of tests with others: each begins in another place.

Each claims a file before it runs that, by making a file of the same number in a folder that all know. So neighbours
mostly stay in one session and share its fixtures, and all end at about the same time.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

CLAIMS: Final = "--claims"
BEGIN_AT: Final = "--begin-at"


def pytest_addoption(parser: pytest.Parser) -> None:
    """What ``python -m tests`` tells its sessions."""
    group = parser.getgroup("tests", "sessions that share their tests")
    group.addoption(CLAIMS, metavar="FOLDER", help="where all sessions note what they run")
    group.addoption(BEGIN_AT, type=float, default=0.0, metavar="PART", help="begin after so much of all files, 0 to 1")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """pytest's own loop, over the files that this session gets."""
    if session.testsfailed:
        raise session.Interrupted(f"{session.testsfailed} errors during collection")
    claims = Path(session.config.getoption(CLAIMS))
    _agree(claims / "collected", "\n".join(item.nodeid for item in session.items))
    files = [list(items) for _, items in itertools.groupby(session.items, lambda item: item.path)]
    tests = itertools.chain.from_iterable(_claimed(claims, files, session.config.getoption(BEGIN_AT)))
    # A test is torn down with a view to the next one: what both need stays.
    for item, following in itertools.pairwise(itertools.chain(tests, [None])):
        assert item is not None
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
    return True


def _claimed(claims: Path, files: list[list[pytest.Item]], begin_at: float) -> Iterator[list[pytest.Item]]:
    """The files that no other session has begun, each claimed when it is asked for."""
    numbered = list(enumerate(files))
    first = int(begin_at * len(files))
    for number, items in numbered[first:] + numbered[:first]:
        try:
            (claims / str(number)).touch(exist_ok=False)
        except FileExistsError:
            continue
        yield items


def _agree(note: Path, collected: str) -> None:
    """A file must have the same number in all sessions, or tests would be left out."""
    mine = note.with_name(f"{note.name}-{os.getpid()}")
    mine.write_text(collected)
    try:
        # Whole at once: another session may read it now.
        note.hardlink_to(mine)
    except FileExistsError:
        both = itertools.zip_longest(collected.split("\n"), note.read_text().split("\n"))
        if differing := next(((ours, theirs) for ours, theirs in both if ours != theirs), None):
            words = "the sessions have not collected the same tests in the same order: {} here is {} in another one"
            raise pytest.UsageError(words.format(*differing)) from None
