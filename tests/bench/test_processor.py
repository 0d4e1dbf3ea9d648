# SPDX-License-Identifier: Apache-2.0
"""A session whose guests are all emulated has a processor of its own, and a test that measures has all of them."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from harness.provision.cache import cache_dir
from tests.bench.mini_suite import MiniSuite, emulated, fake

ALL = sorted(os.sched_getaffinity(0))
_BODY = """
import json, os, pathlib

def threads(process):
    for thread in pathlib.Path(f"/proc/{{process}}/task").iterdir():
        yield int(thread.name)
        for child in (thread / "children").read_text().split():
            yield from threads(child)

@pytest.fixture
def note({fixture}):
    # Of this process and of all that it has started, with all their threads.
    def write(what):
        found = [sorted(os.sched_getaffinity(thread)) for thread in threads(os.getpid())]
        pathlib.Path(f"{{what}}.json").write_text(json.dumps(found))
        assert found
    if {guests}:
        deploy("allow a", "allow a")
    return write

def test_1(note):
    note("before")

@pytest.mark.quiet
def test_2(note):
    note("measures")

def test_3(note):
    note("after")
"""
_GUESTS = _BODY.format(fixture="deploy", guests=True)
_NO_GUESTS = _BODY.format(fixture="bench", guests=False)


@contextmanager
def _taken(folder: Path, processors: list[int]) -> Iterator[None]:
    """The processors, as other sessions take them."""
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        for processor in processors:
            lock = stack.enter_context((folder / str(processor)).open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _ran(mini: MiniSuite, what: str) -> set[tuple[int, ...]]:
    return set(map(tuple, json.loads((mini.folder / f"{what}.json").read_text())))


@pytest.fixture
def mini(tmp_path: Path) -> MiniSuite:
    """With a cache of its own, because sessions beside this one take processors, too."""
    suite, own = tmp_path / "suite", tmp_path / "cache"
    suite.mkdir()
    own.mkdir()
    mini = MiniSuite(suite)
    for entry in cache_dir().iterdir():
        if entry.name != "processors":
            (own / entry.name).symlink_to(entry)
    mini.environment["SHMEM_HARNESS_CACHE"] = str(own)
    mini.benches(bench=emulated())
    mini.test(_GUESTS)
    return mini


def test_all_of_a_session_runs_on_one_processor_but_while_it_measures(mini: MiniSuite) -> None:
    assert mini.run().returncode == 0
    assert _ran(mini, "before") == _ran(mini, "after") == {(ALL[0],)}
    assert _ran(mini, "measures") == {tuple(ALL)}


@pytest.mark.parametrize("free", [1, 0], ids=["one is free", "none is free"])
def test_a_session_takes_a_processor_that_no_other_has(mini: MiniSuite, free: int) -> None:
    with _taken(mini.folder.parent / "cache/processors", ALL[: len(ALL) - free]):
        assert mini.run().returncode == 0
    assert _ran(mini, "before") == {(ALL[-1],) if free else tuple(ALL)}


def test_a_session_with_guests_elsewhere_runs_on_all_processors(mini: MiniSuite) -> None:
    mini.benches(bench=fake())
    mini.test(_NO_GUESTS)
    assert mini.run().returncode == 0
    assert _ran(mini, "before") == {tuple(ALL)}
