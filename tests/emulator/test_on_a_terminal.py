# SPDX-License-Identifier: Apache-2.0
"""A guest whose console is the terminal of a person: its keys, and what is left of it afterwards."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.emulator import qvm
from tests import programs
from tests.emulator.conftest import Bench, configuration


@contextlib.contextmanager
def _terminal() -> Iterator[tuple[int, int]]:
    """The person's side of a terminal, and the side of programs."""
    person, user = os.openpty()
    try:
        yield person, user
    finally:
        os.close(person)
        os.close(user)


def _state(user: int) -> tuple[object, bool]:
    return termios.tcgetattr(user), os.get_blocking(user)


def _on(bench: Bench, folder: Path, user: int) -> programs.Program[bytes]:
    """A qvm in the foreground of the terminal, whose guest has made it raw."""
    path = folder / "guest.qvmconf"
    path.write_text(configuration(console=">-"))

    def take() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = programs.Program(
        [*qvm.command(), f"@{path}"],
        env={**os.environ, "QVM_HOST": str(bench.host.socket)},
        stdin=user,
        stdout=user,
        start_new_session=True,
        preexec_fn=take,
    )
    bench.client.wait_guest("one", programs.PATIENCE)
    assert not termios.tcgetattr(user)[3] & (termios.ECHO | termios.ICANON)
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT, signal.SIGKILL])
def test_the_terminal_is_as_it_was_however_the_guest_ends(bench: Bench, tmp_path: Path, number: signal.Signals) -> None:
    with _terminal() as (_, user):
        before = _state(user)
        with _on(bench, tmp_path, user) as process:
            process.send_signal(number)
            process.wait(programs.PATIENCE)
        bench.client.wait_end("one", programs.PATIENCE)
        assert _state(user) == before


def test_a_key_interrupts_qvm_and_is_no_byte_for_the_guest(bench: Bench, tmp_path: Path) -> None:
    with _terminal() as (person, user), _on(bench, tmp_path, user) as process:
        os.write(person, b"\x03")
        assert process.wait(programs.PATIENCE) == 0
