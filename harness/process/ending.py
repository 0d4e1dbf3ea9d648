# SPDX-License-Identifier: Apache-2.0
"""How a command of ours, or a pytest session, is asked to end: SIGINT, SIGTERM or SIGHUP.

All of them are here, because each has to do the same: first stop what runs, then report it. Nothing that
can fail or wait stands before that. A terminal that closes, a make that ends and a supervisor often send two of these
signals, one close behind the other, so only a second Ctrl-C means that the user does not want to wait any longer.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from types import FrameType
from typing import Final

ENDS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

INTERRUPTED: Final = 130
"""The exit status of a command that was ended by one of them."""

# Until the clean-up is over in which an interrupt was lost.
_AGAIN_SECONDS: Final = 0.1

_Act = Callable[[signal.Signals], None]


class Interrupted(KeyboardInterrupt):
    """The process was asked to end; the text is the name of the signal."""


class _State:
    asked_at: float | None = None
    asked_with: signal.Signals | None = None
    held = 0
    noted: signal.Signals | None = None


def asked_for(seconds: float) -> bool:
    """Whether this process was asked to end, and that is at least so long ago."""
    return _State.asked_at is not None and time.monotonic() - _State.asked_at >= seconds


def asked_with() -> signal.Signals | None:
    """The signal by which this process was asked to end; None if there was none."""
    return _State.asked_with


@contextlib.contextmanager
def listening(act: _Act | None = None) -> Iterator[None]:
    """Have ``act`` called when the process is asked to end; without it, Interrupted is raised.

    It is called for the first signal, and for each SIGINT after it. Signals that are ignored already stay without
    effect: SIGINT by a shell that starts jobs in the background, SIGHUP by nohup.
    """
    before = {number: signal.getsignal(number) for number in (*ENDS, signal.SIGQUIT)}

    def handle(number: int, _frame: FrameType | None) -> None:
        again = _State.asked_at is not None
        if not again:
            _State.asked_at = time.monotonic()
            _State.asked_with = signal.Signals(number)
        if again and number != signal.SIGINT:
            return
        if _State.held:
            _State.noted = signal.Signals(number)
        else:
            (act or _interrupt)(signal.Signals(number))

    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            if number != signal.SIGQUIT:
                signal.signal(number, handle)
        elif number in (signal.SIGINT, signal.SIGQUIT):
            # Programs that are started inherit what is ignored, but not what has a handler. Sessions and guests are
            # stopped with these two, and so must get them from their first moment on.
            signal.signal(number, _nothing)
    try:
        yield
    finally:
        for number, handler in before.items():
            # None: a handler that Python knows nothing of.
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


@contextlib.asynccontextmanager
async def listening_in_loop(act: Callable[[], None]) -> AsyncIterator[None]:
    """``listening`` for asyncio: ``act`` is called by the running loop."""
    import asyncio  # Here, because a command that starts nothing does without it.

    loop = asyncio.get_running_loop()

    def hand_over(_number: signal.Signals) -> None:
        loop.call_soon_threadsafe(act)

    reading, writing = socket.socketpair()
    with reading, writing:
        for end in (reading, writing):
            end.setblocking(False)
        # Python's handlers run between its own steps: one for a signal that comes just before the loop begins to wait
        # would run when that wait is over.
        before = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        loop.add_reader(reading, reading.recv, 4096)
        try:
            with listening(hand_over):
                yield
        finally:
            loop.remove_reader(reading)
            signal.set_wakeup_fd(before)


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Let what is short and must not be cut off come to its end: a signal raises Interrupted after it, not in it."""
    _State.held += 1
    try:
        yield
    finally:
        _State.held -= 1
        noted, _State.noted = _State.noted, None
    if noted is not None:
        _interrupt(noted)


@contextlib.contextmanager
def insisting() -> Iterator[None]:
    """Raise Interrupted for any error that comes after such a signal.

    What is cut off in a library often ends with an error of that library's, an AssertionError among others, and the
    answer of a device would be read from it.
    """
    try:
        yield
    except Exception as error:
        if _State.asked_with is None:
            raise
        raise Interrupted(_State.asked_with.name) from error


def lost(unraisable: sys.UnraisableHookArgs) -> None:
    """For ``sys.unraisablehook``: an interrupt that was raised in the clean-up of an object is raised once more.

    Python would print it, and go on without ending. It prints any other exception there, too, which says
    nothing to a person.
    """
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        again = threading.Timer(_AGAIN_SECONDS, os.kill, (os.getpid(), signal.SIGINT))
        again.daemon = True
        again.start()


def _interrupt(number: signal.Signals) -> None:
    raise Interrupted(number.name)


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """The signal is ignored."""
