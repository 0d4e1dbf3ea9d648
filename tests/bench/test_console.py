# SPDX-License-Identifier: Apache-2.0
"""A console behind a real pty, opened by pyserial through labgrid."""

from __future__ import annotations

import os
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
from labgrid.driver import ShellDriver

from harness.console.buffer import ConsoleEndedError
from harness.errors import BenchError
from harness.guest.target import GuestTarget
from harness.host.protocol import ConsoleLocation
from tests import programs


class Wire:
    """The guest's end of a pty."""

    def __init__(self) -> None:
        self.end, self._kept = os.openpty()
        tty.setraw(self._kept)
        self.location = ConsoleLocation("RawSerialPort", {"port": os.ttyname(self._kept)})

    def hang_up(self) -> None:
        for number in (self.end, self._kept):
            os.close(number)
        self.end = self._kept = -1

    def close(self) -> None:
        if self.end >= 0:
            self.hang_up()


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "console.log"


@pytest.fixture
def guest(wire: Wire, log: Path) -> Iterator[GuestTarget]:
    guest = GuestTarget("guest0", wire.location, log)
    yield guest
    guest.close()


def _soon(seconds: float = 5.0) -> float:
    return time.monotonic() + seconds


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_bytes_go_both_ways(wire: Wire, guest: GuestTarget) -> None:
    transport = guest.console.transport()
    transport.write(b"question\n")
    assert os.read(wire.end, 100) == b"question\n"
    os.write(wire.end, b"answer\n")
    assert transport.read(_soon()) == b"answer\n"


def test_what_came_before_the_console_was_opened_is_there(wire: Wire, log: Path) -> None:
    os.write(wire.end, b"first and last words\r\n")
    guest = GuestTarget("guest0", wire.location, log)
    try:
        assert guest.console.buffer.read(_soon()) == b"first and last words\r\n"
    finally:
        guest.close()


def test_output_is_logged_while_nobody_waits_for_it(wire: Wire, guest: GuestTarget, log: Path) -> None:
    payload = b"".join(b"%06d\n" % number for number in range(20_000))  # more than the kernel's buffer holds
    view = memoryview(payload)
    while view:
        view = view[os.write(wire.end, view) :]
    taken = b""
    while len(taken) < len(payload):
        taken += guest.console.buffer.read(_soon())
    assert taken == payload
    lines = log.read_text().splitlines()
    assert [line.split(" < ")[1] for line in lines[1:]] == payload.decode().split()


def test_the_hang_up_of_the_other_side_is_an_error_that_shows_the_last_lines(wire: Wire, guest: GuestTarget) -> None:
    os.write(wire.end, b"panic: out of coffee\n")
    assert guest.console.buffer.read(_soon()) == b"panic: out of coffee\n"
    wire.hang_up()
    with pytest.raises(ConsoleEndedError, match=r"guest0 ended(.|\n)*out of coffee"):
        guest.console.buffer.read(_soon(60))


def test_closing_ends_the_reader_and_the_port(wire: Wire, log: Path) -> None:
    descriptors = _descriptors()
    guest = GuestTarget("guest0", wire.location, log)
    guest.close()
    guest.close()
    assert not [thread for thread in threading.enumerate() if "guest0" in thread.name]
    assert _descriptors() == descriptors
    with pytest.raises(BenchError, match="guest0 is not open"):
        guest.console.transport().read(_soon())


def test_a_console_cannot_be_opened_twice(wire: Wire, guest: GuestTarget, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="intruder cannot be opened"):
        GuestTarget("intruder", wire.location, tmp_path / "second.log")
    os.write(wire.end, b"still here")
    assert guest.console.buffer.read(_soon()) == b"still here"


def test_a_console_that_does_not_exist_is_named(tmp_path: Path) -> None:
    location = ConsoleLocation("RawSerialPort", {"port": str(tmp_path / "ttyp7")})
    with pytest.raises(BenchError, match=r"guest0 cannot be opened: .*ttyp7"):
        GuestTarget("guest0", location, tmp_path / "console.log")


def test_labgrids_shell_driver_uses_what_the_reader_took(wire: Wire, guest: GuestTarget) -> None:
    """A ShellDriver finds this console, not the SerialDriver below it, and logs in through it."""

    def guest_side() -> None:
        os.write(wire.end, b"booting\r\nlogin: ")
        text = b""
        while b"MARK" not in text:
            text += os.read(wire.end, 4096)
            if text.endswith(b"root\n"):
                os.write(wire.end, b"# ")

    thread = threading.Thread(target=guest_side, daemon=True)
    thread.start()
    shell = ShellDriver(
        guest.target,
        None,
        prompt="# ",
        login_prompt="login: ",
        username="root",
        login_timeout=int(programs.PATIENCE),
        await_login_timeout=1,
    )
    assert shell.console is guest.console
    guest.console.sendline("MARK")
    thread.join(programs.PATIENCE)
    assert not thread.is_alive()
    index, *_ = guest.console.expect(["login: "], timeout=programs.PATIENCE)
    assert index == 0
