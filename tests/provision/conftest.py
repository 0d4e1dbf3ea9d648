# SPDX-License-Identifier: Apache-2.0
"""A cache of its own for each test, and other processes that use it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.provision.cache_children import SECONDS, Child, Python


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    """No test waits for another process without end."""

    def late(_signal: int, _frame: object) -> None:
        raise TimeoutError(f"the test waited {SECONDS} s for a process")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(int(SECONDS))
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, for this process and its children."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("SHMEM_HARNESS_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def compiled_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the compiler keeps for itself (parts of C libraries), shared by the tests: it takes seconds to make."""
    return tmp_path_factory.mktemp("zig")


@pytest.fixture
def warm_cache(cache: Path, compiled_before: Path) -> Path:
    """A cache without entries, in which the compiler is quick."""
    cache.mkdir()
    (cache / "zig").symlink_to(compiled_before)
    return cache


@pytest.fixture
def python(cache: Path) -> Iterator[Python]:
    """Start Python processes that use the cache of this test."""
    assert not cache.exists()
    children: list[Child] = []

    def start(script: str, *arguments: str, prefix: tuple[str, ...] = ()) -> Child:
        children.append(Child(script, *arguments, prefix=prefix))
        return children[-1]

    yield start
    for child in children:
        child.kill()
        for stream in (child.process.stdin, child.process.stdout, child.process.stderr):
            assert stream is not None
            if not stream.closed:
                stream.close()
