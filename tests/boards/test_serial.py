# SPDX-License-Identifier: Apache-2.0
"""The same board over every kind of serial port that labgrid knows: local, RFC 2217, raw TCP."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import BenchError
from harness.guest.probe import Probe
from harness.guest.target import GuestTarget
from harness.host.protocol import ConsoleLocation, stop_guests
from harness.loopback.resource import LoopbackBoard
from tests import programs
from tests.boards.lab import Lab, within
from tests.boards.ser2net import Protocol, serving


@pytest.fixture(params=["rfc2217", "raw"])
def exported(request: pytest.FixtureRequest, lab: Lab, tmp_path: Path) -> Iterator[str]:
    """The console of the board is on the network."""
    protocol: Protocol = request.param
    with serving(lab.folder / "serial", protocol, tmp_path / "bin") as port:
        del lab.data["resources"]["RawSerialPort"]
        lab.data["resources"]["NetworkSerialPort"] = {"host": "127.0.0.1", "port": port, "protocol": protocol}
        yield protocol
        lab.close()


def test_a_board_comes_up_over_a_serial_port_on_the_network(lab: Lab, exported: str) -> None:
    lab.set("ShmemQnxHostDriver", host_key="console")
    with within(30, f"console over {exported}: host up"):
        host = lab.ready()
    host.check()
    assert f"({exported})" in str(host.components()[0].source)
    assert "< hypervisor host ready" in lab.log.read_text()


@pytest.fixture(scope="module")
def cabled() -> Iterator[LoopbackBoard]:
    """A board with a cable for the console of its first guest."""
    board = LoopbackBoard("--guest-lines", "1")
    yield board
    board.close()


@pytest.mark.parametrize("protocol", ["rfc2217", "raw"])
def test_a_guest_answers_over_a_uart_on_the_network(cabled: LoopbackBoard, protocol: Protocol, tmp_path: Path) -> None:
    lab = Lab(cabled, tmp_path)
    lab.data["resources"]["RawSerialPort"]["name"] = "console"
    lab.data["drivers"]["SerialDriver"] = {"bindings": {"port": "console"}}
    lab.set(
        "ShmemQnxHostDriver", consoles=[{"hostdev": "/dev/ptyp0", "resource": "uart1", "txdelay": 0.001, "txchunk": 4}]
    )
    try:
        with serving(lab.folder / "uart1", protocol, tmp_path / "bin") as port:
            cable = {"name": "uart1", "host": "127.0.0.1", "port": port, "protocol": protocol}
            lab.data["resources"]["NetworkSerialPort"] = cable
            host = lab.ready()
            with within(20, f"guest's UART over {protocol}: first answer"):
                guest = lab.start_guest(host)
                location = guest.wait_console(programs.PATIENCE)
                assert (location.txdelay, location.txchunk) == (0.001, 4)
                target = GuestTarget(guest.system, location, tmp_path / "guest0.console.log")
                probe = Probe(target.console.transport(), guest.system)
                assert probe.identify(timeout=programs.PATIENCE).architecture == "x86_64"
            assert probe.attach("pluto", 2).index == 0
            target.close()
            stop_guests([guest], "power-cut", programs.PATIENCE)
    finally:
        lab.end()


def test_what_a_guest_is_sent_has_the_pace_of_its_uart(tmp_path: Path) -> None:
    end, port = os.openpty()
    location = ConsoleLocation("RawSerialPort", {"port": os.ttyname(port)}, txdelay=0.02, txchunk=2)
    target = GuestTarget("guest0", location, tmp_path / "guest0.console.log")
    try:
        began = time.monotonic()
        target.console.transport().write(b"ten bytes\n")
        assert time.monotonic() - began >= 5 * 0.02
        with os.fdopen(os.dup(end), "rb") as line:
            assert line.read(10) == b"ten bytes\n"
    finally:
        target.close()
        os.close(end)
        os.close(port)


def test_a_console_that_cannot_be_opened_is_a_bench_error(tmp_path: Path) -> None:
    """labgrid's and pyserial's errors have no class in common."""
    location = ConsoleLocation("NetworkSerialPort", {"host": "127.0.0.1", "port": 1, "protocol": "telepathy"})
    with pytest.raises(BenchError, match=r"console of guest guest0 cannot be opened: .*unknown protocol"):
        GuestTarget("guest0", location, tmp_path / "guest0.console.log")
