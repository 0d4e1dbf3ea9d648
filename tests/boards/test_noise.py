# SPDX-License-Identifier: Apache-2.0
"""Serial lines that lose bytes, add some, and carry what others say: the login holds, the probe's answers are right."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.guest.probe import Probe
from harness.guest.target import GuestTarget
from harness.host.protocol import stop_guests
from harness.loopback.disturbance import Disturbance, Disturber
from harness.loopback.resource import LoopbackBoard
from tests import programs
from tests.boards.lab import Lab, within

NOISES: dict[str, dict[str, Any]] = {
    "garbage": {"garbage": 0.01},
    "split lines": {"pieces": True},
    "echo": {"echo": True},
    "messages in prompts and answers": {"messages": 0.002},
    "lost bytes": {"lost": 0.002, "both_ways": True},
    "everything": {
        "garbage": 0.002,
        "pieces": True,
        "messages": 0.001,
        "lost": 0.001,
        "echo": True,
        "both_ways": True,
    },
}


def _weaker(noise: dict[str, Any]) -> dict[str, Any]:
    """For frames of a thousand bytes, of which a line must carry one whole now and then."""
    return {name: value / 8 if isinstance(value, float) else value for name, value in noise.items()}


@pytest.mark.parametrize("noise", NOISES)
def test_a_host_is_brought_up_over_a_bad_line(lab: Lab, noise: str) -> None:
    """Boot messages, login, and the host's key, which has to be right to the last bit, come over this line."""
    lab.disturb("serial", **NOISES[noise], seed=1)
    lab.set("ShmemQnxHostDriver", host_key="console")
    lab.set("ShmemBoardStrategy", boot=["hypervisor"], login_seconds=40.0)
    with within(60, f"host's serial line: {noise}: host up"):
        lab.ready().check()


@pytest.fixture(scope="module")
def board_with_lines() -> Iterator[LoopbackBoard]:
    """A board that hands a UART to its guest."""
    board = LoopbackBoard("--guest-lines", "1")
    yield board
    board.close()


@pytest.fixture
def lines(board_with_lines: LoopbackBoard, tmp_path: Path) -> Iterator[Lab]:
    """A lab whose target file names the cable."""
    lab = Lab(board_with_lines, tmp_path)
    port = {"port": os.path.realpath(lab.folder / "uart1")}
    lab.data["resources"] = [
        {"RawSerialPort": {"name": "console", **lab.data["resources"]["RawSerialPort"]}},
        {"RawSerialPort": {"name": "cable", **port}},
        {"NetworkService": lab.data["resources"]["NetworkService"]},
    ]
    lab.data["drivers"]["SerialDriver"] = {"bindings": {"port": "console"}}
    lab.set("ShmemQnxHostDriver", consoles=[{"hostdev": "/dev/ptyp0", "resource": "cable"}])
    yield lab
    lab.disturb("uart1")
    lab.end()


@pytest.mark.parametrize("noise", NOISES)
def test_a_probe_answers_rightly_over_a_bad_line(lines: Lab, tmp_path: Path, noise: str) -> None:
    """The guest's console is a UART of the board, and the cable is bad from the first byte on."""
    lines.disturb("uart1", **_weaker(NOISES[noise]), seed=2)
    guest = lines.start_guest(lines.ready())
    target = GuestTarget("guest0", guest.wait_console(programs.PATIENCE), tmp_path / "guest0.console.log")
    with contextlib.closing(target), within(90, f"guest's serial line: {noise}: answers right"):
        probe = Probe(target.console.transport(), "guest0")
        probe.identify(timeout=programs.PATIENCE)
        handle = probe.attach("pluto", 4, timeout=30).handle
        assert handle is not None
        data = random.Random(3).randbytes(600)
        probe.poke(100, data, handle=handle)
        assert probe.peek(100, len(data), handle=handle) == data
        for seed in range(10):
            probe.fill(0, 16384, seed, handle=handle)
            assert probe.verify(0, 16384, seed, handle=handle).mismatches == 0
    stop_guests([guest], "power-cut", programs.PATIENCE)


def test_the_noise_is_there() -> None:
    """A disturbed line damages what goes over it; otherwise these tests would show nothing."""
    data = bytes(range(256)) * 40
    for name, noise in NOISES.items():
        disturber = Disturber(Disturbance(**noise))
        pieces = disturber.to_lab(data)
        if noise.get("pieces"):
            assert len(pieces) > 1000, name
        if {"garbage", "lost", "messages"} & noise.keys():
            assert b"".join(pieces) != data, name
        if noise.get("both_ways"):
            assert disturber.to_board(data) != data, name
