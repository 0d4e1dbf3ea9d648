# SPDX-License-Identifier: Apache-2.0
"""Programs that tests start. Each ends with its test, and with pytest, regardless of what happens to these.

The kernel kills a program together with the pytest that has started it, also when that is killed outright. A test that
fails, times out or is interrupted kills the program and its process group. ``tests/test_architecture.py`` sees to it
that tests start programs in no other way.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, AnyStr, Final, Literal, TypedDict, Unpack, overload

from harness.provision.process import bound_to_parent

PATIENCE: Final = 600.0
"""Seconds after which a wait is given up: whatever is waited for hangs, on a busy machine as well."""

PYTEST: Final = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")
"""A session of pytest that leaves no files of its own, and does not import hypothesis only to say nothing about it.

The plugin of hypothesis does so at the end of every session, and that takes as long as all else of a short one.
"""

SLEEPS: Final = "list(map(time.sleep, [0.2] * 9000))"
"""Python code that waits longer than any test, for programs that a signal ends.

A signal that comes just before a sleep begins is handled after it, so one long sleep would lose it now and then.
"""

Command = Sequence[str | os.PathLike[str]]
Stream = int | IO[str] | IO[bytes] | None

_RUNNING: Final[weakref.WeakSet[Program[Any]]] = weakref.WeakSet()


class Options(TypedDict, total=False):
    """Those options of ``subprocess.Popen`` that tests use, besides ``text``."""

    cwd: str | os.PathLike[str] | None
    env: Mapping[str, str] | None
    stdin: Stream
    stdout: Stream
    stderr: Stream
    errors: str | None
    pass_fds: Sequence[int]
    preexec_fn: Callable[[], object] | None
    process_group: int
    start_new_session: bool


class Program(subprocess.Popen[AnyStr]):
    """A program in a process group of its own, or in a session of its own with ``start_new_session``."""

    @overload
    def __init__(self: Program[str], command: Command, *, text: Literal[True], **options: Unpack[Options]) -> None: ...

    @overload
    def __init__(
        self: Program[bytes], command: Command, *, text: Literal[False] = ..., **options: Unpack[Options]
    ) -> None: ...

    def __init__(self, command: Command, *, text: bool = False, **options: Unpack[Options]) -> None:
        if not options.get("start_new_session"):
            options.setdefault("process_group", 0)
        super().__init__(bound_to_parent([os.fspath(word) for word in command]), text=text, **options)
        _RUNNING.add(self)

    def end(self) -> None:
        """Kill it and its group, unless it has ended."""
        if self.poll() is None:
            # Not reaped yet, so the number is still the group's.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            # It may not have come to its own group yet.
            self.kill()
        self.wait(PATIENCE)
        for stream in (self.stdin, self.stdout, self.stderr):
            _close(stream)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for its end, unless the test has failed."""
        if kind is None:
            _close(self.stdin)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.wait(PATIENCE)
        late = self.poll() is None
        self.end()
        assert kind is not None or not late, f"{self.args!r} did not end"


@overload
def run(
    command: Command,
    *,
    text: Literal[True],
    input: str | None = ...,
    capture_output: bool = ...,
    timeout: float = ...,
    check: bool = ...,
    **options: Unpack[Options],
) -> subprocess.CompletedProcess[str]: ...


@overload
def run(
    command: Command,
    *,
    text: Literal[False] = ...,
    input: bytes | None = ...,
    capture_output: bool = ...,
    timeout: float = ...,
    check: bool = ...,
    **options: Unpack[Options],
) -> subprocess.CompletedProcess[bytes]: ...


def run(
    command: Command,
    *,
    text: bool = False,
    input: str | bytes | None = None,
    capture_output: bool = False,
    timeout: float = PATIENCE,
    check: bool = False,
    **options: Unpack[Options],
) -> subprocess.CompletedProcess[str] | subprocess.CompletedProcess[bytes]:
    """``subprocess.run`` for tests."""
    if input is not None:
        options["stdin"] = subprocess.PIPE
    if capture_output:
        options["stdout"] = options["stderr"] = subprocess.PIPE
    # The declarations above say which kind of text it is.
    program: Program[Any] = Program(command, text=True, **options) if text else Program(command, **options)
    try:
        output, errors = program.communicate(input, timeout)
    finally:
        program.end()
    done: subprocess.CompletedProcess[Any] = subprocess.CompletedProcess(
        list(command), program.returncode, output, errors
    )
    if check:
        done.check_returncode()
    return done


@contextlib.contextmanager
def ending() -> Iterator[None]:
    """What is started in this context, and still runs at its end, is killed."""
    before = set(_RUNNING)
    try:
        yield
    finally:
        for program in set(_RUNNING) - before:
            program.end()


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """What is started in this context outlives the test: a fixture of a wider scope ends it."""
    before = set(_RUNNING)
    yield
    for program in set(_RUNNING) - before:
        _RUNNING.discard(program)


def children(process: int) -> list[int]:
    """The processes that the first thread of this one has started. Raises OSError when it is gone."""
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def until(condition: Callable[[], object], complaint: str | Callable[[], str], seconds: float = PATIENCE) -> None:
    """Wait for ``condition``; fail with ``complaint`` when it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, complaint if isinstance(complaint, str) else complaint()
        time.sleep(0.02)


def _close(stream: IO[Any] | None) -> None:
    if stream is not None:
        with contextlib.suppress(OSError):
            stream.close()
