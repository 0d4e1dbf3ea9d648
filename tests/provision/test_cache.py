# SPDX-License-Identifier: Apache-2.0
"""An entry of the cache is whole or not there, regardless of what happens to the process that builds it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.provision import cached
from harness.provision.cache import Entry, find
from tests.provision.cache_children import Python, file_system, left_over, needs_small_file_system

INPUTS = {"version": "1"}

BUILD_AND_WAIT = """
import sys
from pathlib import Path
from harness.provision import cached

def build(folder):
    (folder / "half").write_text("half of it")
    with Path(sys.argv[1]).open("a") as log:
        log.write("built\\n")
    print("building", flush=True)
    sys.stdin.readline()
    (folder / "whole").write_text("all of it")

print(cached("thing", {"version": "1"}, build, what="the thing").path / "whole", flush=True)
"""

WRITE_MUCH = """
import sys
from harness.errors import HarnessError
from harness.provision import cached
try:
    cached("thing", {"version": "1"}, lambda folder: (folder / "big").write_bytes(bytes(1 << 20)) and None, what="it")
except HarnessError as error:
    print(error)
"""


def make(folder: Path) -> None:
    (folder / "whole").write_text("all of it")


def never(_folder: Path) -> None:
    pytest.fail("built although the cache has it")


def thing(build: Callable[[Path], None] = make) -> Entry:
    return cached("thing", INPUTS, build, what="the thing")


@pytest.mark.usefixtures("cache")
def test_an_entry_is_built_once_and_belongs_to_its_inputs() -> None:
    first = thing()
    assert (first.path / "whole").read_text() == "all of it"
    assert thing(never).path == first.path
    other = cached("thing", {"version": "2"}, make, what="the thing")
    assert other.path != first.path
    assert find("thing", {"version": "3"}) is None


@pytest.mark.usefixtures("cache")
def test_facts_of_the_builder_are_kept() -> None:
    cached("thing", INPUTS, lambda _: {"colour": "red"}, what="the thing")
    assert thing(never).facts == {"colour": "red"}


def test_a_builder_that_fails_leaves_nothing(cache: Path) -> None:
    def fail(folder: Path) -> None:
        make(folder)
        raise HarnessError("the recipe is wrong")

    with pytest.raises(HarnessError, match="the recipe is wrong"):
        thing(fail)
    assert find("thing", INPUTS) is None
    assert left_over(cache) == []


def test_killed_in_the_middle_of_a_build(cache: Path, python: Python, tmp_path: Path) -> None:
    child = python(BUILD_AND_WAIT, str(tmp_path / "log"))
    assert child.line() == "building"
    child.kill()
    assert find("thing", INPUTS) is None
    assert len(left_over(cache)) == 1
    assert (thing().path / "whole").read_text() == "all of it"
    assert left_over(cache) == []


def test_what_a_killed_build_left_is_removed_by_the_build_of_another_entry(
    cache: Path, python: Python, tmp_path: Path
) -> None:
    child = python(BUILD_AND_WAIT, str(tmp_path / "log"))
    assert child.line() == "building"
    cached("thing", {"version": "other"}, make, what="another")
    assert len(left_over(cache)) == 1, "its builder is alive"
    child.kill()
    cached("thing", {"version": "third"}, make, what="a third")
    assert left_over(cache) == []


def test_two_at_once_build_once(python: Python, tmp_path: Path) -> None:
    log = tmp_path / "log"
    first = python(BUILD_AND_WAIT, str(log))
    assert first.line() == "building"
    second = python(BUILD_AND_WAIT, str(log))
    assert second.complaint().endswith(f"process {first.process.pid} is working on it; waiting")
    first.say("go on")
    assert Path(first.line()).read_text() == "all of it"
    assert Path(second.line()).read_text() == "all of it"
    assert log.read_text() == "built\n"


def test_the_second_builds_when_the_first_is_killed(cache: Path, python: Python, tmp_path: Path) -> None:
    first = python(BUILD_AND_WAIT, str(tmp_path / "log"))
    assert first.line() == "building"
    second = python(BUILD_AND_WAIT, str(tmp_path / "log"))
    assert "waiting" in second.complaint()
    first.kill()
    assert second.line() == "building"
    second.say("go on")
    assert Path(second.line()).read_text() == "all of it"
    assert left_over(cache) == []


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda entry: (entry / "whole").write_text("al"), id="a file cut short"),
        pytest.param(lambda entry: (entry / "whole").unlink(), id="a file lost"),
        pytest.param(lambda entry: (entry / "entry.json").write_text('{"files": {'), id="a record cut short"),
        pytest.param(lambda entry: (entry / "entry.json").unlink(), id="a record lost"),
        pytest.param(shutil.rmtree, id="the folder lost"),
    ],
)
@pytest.mark.usefixtures("cache")
def test_a_damaged_entry_is_never_used(damage: Callable[[Path], object]) -> None:
    damage(thing().path)
    assert find("thing", INPUTS) is None
    assert (thing().path / "whole").read_text() == "all of it"


@pytest.mark.usefixtures("cache")
def test_changed_content_of_the_same_size_is_found_by_reading() -> None:
    entry = thing()
    assert entry.damage() == []
    (entry.path / "whole").write_text("ALL OF IT")
    assert thing(never).damage() == ["whole"]


def test_a_full_disk_is_explained_and_breaks_nothing(cache: Path, python: Python) -> None:
    kept = cached("thing", {"version": "kept"}, make, what="what was there before")
    # A limit on the size of files ends a write as a full disk does, for every user.
    status, said, _ = python(WRITE_MUCH, prefix=("prlimit", "--fsize=65536", "--")).finish()
    assert status == 0
    assert f"no space left in the cache {cache}" in said
    assert "remedy: free about 1 GB there, or set SHMEM_HARNESS_CACHE" in said
    assert left_over(cache) == []
    assert kept.damage() == []


@needs_small_file_system
def test_a_file_system_that_is_really_full(cache: Path, python: Python) -> None:
    cache.mkdir()
    status, said, _ = python(WRITE_MUCH, prefix=file_system("64k")).finish()
    assert status == 0
    assert f"no space left in the cache {cache}" in said


def test_a_cache_that_cannot_be_made_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SHMEM_HARNESS_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(HarnessError, match=r"cannot write to the cache .*\n  remedy: make that folder writable"):
        thing()
