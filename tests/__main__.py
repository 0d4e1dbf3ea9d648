# SPDX-License-Identifier: Apache-2.0
"""``python -m tests``: the tests of the harness, by four pytest sessions that share them (``tests/sessions.py``).

Much of their time is spent waiting, so several sessions end sooner than one. Options and paths are those of pytest.
What the sessions say goes to the standard output line by line; each tells its failures and its count at its end. The
exit status is the worst of theirs.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import IO, Final

import pytest

from harness.process import ending
from tests import programs
from tests.sessions import BEGIN_AT, CLAIMS

_SESSIONS: Final = 4
_OPTIONS: Final = (
    *("-p", "tests.sessions", "-o", "console_output_style=classic"),
    # Which tests failed last is one file; several sessions would write over each other's.
    *("-p", "no:cacheprovider"),
    # The next one who has to make them quicker begins with these.
    *("--durations=50", "--durations-min=4"),
)


def main(arguments: Sequence[str]) -> int:
    """Run all sessions to their end; returns the exit status."""
    sessions: list[programs.Program[bytes]] = []

    def pass_on(number: signal.Signals) -> None:
        for session in sessions:
            session.send_signal(number)

    with tempfile.TemporaryDirectory(prefix="tests-") as claims, ending.listening(pass_on), programs.ending():
        for number in range(_SESSIONS):
            sessions.append(_session([f"{CLAIMS}={claims}", f"{BEGIN_AT}={number / _SESSIONS}", *arguments]))
            if (asked := ending.asked_with()) is not None:
                # It may have come before this session was in the list.
                pass_on(asked)
        _show([session.stdout for session in sessions if session.stdout], lambda: pass_on(signal.SIGTERM))
        return max(_status(session.wait()) for session in sessions)


def _session(arguments: Sequence[str]) -> programs.Program[bytes]:
    color = f"--color={'yes' if sys.stdout.isatty() else 'no'}"
    return programs.Program(
        [sys.executable, "-m", "pytest", *_OPTIONS, color, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def _show(streams: Sequence[IO[bytes]], nobody_reads: Callable[[], None]) -> None:
    """Pass on the lines of all streams as they come, until all have ended."""
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            selector.register(stream, selectors.EVENT_READ, bytearray())
        while selector.get_map():
            for key, _ in selector.select():
                part = os.read(key.fd, 65536)
                key.data.extend(part)
                whole = key.data.rfind(b"\n") + 1 if part else len(key.data)
                try:
                    sys.stdout.buffer.write(key.data[:whole])
                    sys.stdout.buffer.flush()
                except BrokenPipeError:
                    nobody_reads()
                    # What is still in the buffer goes nowhere, and so does all that comes.
                    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                del key.data[:whole]
                if not part:
                    selector.unregister(key.fileobj)


def _status(returned: int) -> int:
    """The exit status of a session as a shell reports it; one that was asked to end before it could listen was
    interrupted."""
    if returned in (-signal.SIGINT, -signal.SIGTERM, -signal.SIGHUP):
        return pytest.ExitCode.INTERRUPTED
    return returned if returned >= 0 else 128 - returned


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
