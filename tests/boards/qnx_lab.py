# SPDX-License-Identifier: Apache-2.0
"""A lab with a board whose host is like QNX, and that loses things one by one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from harness.guest.probe import Probe
from harness.guest.target import GuestTarget
from harness.host.protocol import HostGuest, stop_guests
from harness.loopback.command import command_board
from harness.loopback.image import ROOT
from harness.loopback.resource import LoopbackBoard
from tests import programs
from tests.boards.lab import Lab

FOLDER = "shmem-harness"


class QnxLab(Lab):
    """The target file is as short as that of ``targets/qnx-like.yaml``: no folder, no key, a password."""

    HOME = f"{ROOT}/data/home"
    KEYS = f"{ROOT}/data/var/ssh"

    def __init__(self, board: LoopbackBoard, place: Path) -> None:
        super().__init__(board, place)
        self.root = board.folder / ROOT
        self.tools = place / "tools"
        self.start_seconds = programs.PATIENCE
        self.restore()

    def _target(self) -> dict[str, Any]:
        data = super()._target()
        self.network["password"] = self.board.password
        data["drivers"]["ShmemQnxHostDriver"] = {"agent": False, "host_key": "console", "root": "../.."}
        command = "cat $BOARD_ROOT/data/var/ssh/ssh_host_*_key.pub 2>/dev/null; true"
        data["drivers"]["ShmemBoardStrategy"] |= {"host_key_command": command, "power_cycles": 0}
        return data

    def restore(self) -> None:
        """The host has all its tools, sessions and terminals again, from its next boot on."""
        shutil.rmtree(self.tools, ignore_errors=True)
        shutil.copytree(self.root / "system/bin", self.tools, symlinks=True)
        command_board(self.folder, "behave", path=str(self.tools), max_sessions=None, terminals=None)

    def end(self) -> None:
        """As of every lab; and the disk is as it was."""
        try:
            super().end()
        finally:
            shutil.rmtree(self.root / "var", ignore_errors=True)
            for place in ("data", "tmp"):
                path = self.root / place / FOLDER
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def use(self, guests: int = 1) -> None:
        """What a run does: the board comes up, guests start and answer, and all of them end."""
        host = self.ready()
        started: list[HostGuest] = []
        try:
            for number in range(guests):
                started.append(self.start_guest(host, number))
                location = started[-1].wait_console(self.start_seconds)
                target = GuestTarget(f"guest{number}", location, self.place / f"{number}.log")
                Probe(target.console.transport(), f"guest{number}").identify(timeout=programs.PATIENCE)
                target.close()
        finally:
            stop_guests(started, "power-cut", programs.PATIENCE)
