# SPDX-License-Identifier: Apache-2.0
"""A board of which one thing that a session starts is spoilt, and all that a run does with a host."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from labgrid.strategy import StrategyError

from harness.errors import BenchError
from harness.guest.probe import Probe
from harness.guest.target import GuestTarget
from harness.host.protocol import GuestEndedError, HostGuest, stop_guests
from harness.loopback.command import command_board
from harness.loopback.image import HOST_CLIENT
from harness.loopback.processes import descendants
from harness.loopback.resource import LoopbackBoard
from harness.provision.programs import board_programs
from tests.boards.lab import Lab, command

_BETWEEN: Final = Path(__file__).with_name("between.py")
_CUT: Final = 3
"""The exit status of a qvm whose power was cut."""


@dataclass(frozen=True)
class Spoilt:
    """The ``nth`` thing called ``what`` that a run asks of a host (each, if that is 0) goes wrong like ``how``."""

    what: str
    how: str
    nth: int = 0

    def __str__(self) -> str:
        return f"{self.how}: {self.what[:70]!r} {self.nth or 'always'}"


WHOLE: Final = Spoilt("", "")


class BrokenBench(Lab):
    """The board without console and power switch, so that a run of it is short. ``seen`` is what the last one asked."""

    def __init__(self, board: LoopbackBoard, place: Path) -> None:
        super().__init__(board, place)
        between = shlex.join([sys.executable, "-I", "-S", str(_BETWEEN), str(place)])
        command_board(self.folder, "off")
        # The configuration of the server goes on behind the options of its file transfer.
        command_board(self.folder, "behave", sftp_options=f"\nForceCommand {between}")
        command_board(self.folder, "on")

    def _target(self) -> dict[str, Any]:
        data = super()._target()
        del data["resources"]["RawSerialPort"], data["drivers"]["ExternalPowerDriver"], data["drivers"]["SerialDriver"]
        data["drivers"]["ShmemQnxHostDriver"] |= {"host_client": HOST_CLIENT, "keep_images": False}
        data["drivers"]["ShmemBoardStrategy"] = {"ssh_seconds": 60.0}
        return data

    @property
    def seen(self) -> list[str]:
        """What the last run has asked of the host, in its order."""
        return [json.loads(line) for line in (self.place / "seen").read_text().splitlines()]

    def use(self, spoilt: Spoilt) -> BenchError | None:
        """All that a run does with a host. What it says; None when all was as it should be."""
        server = board_programs().command("/usr/lib/openssh/sftp-server")
        plan = {"what": spoilt.what, "nth": spoilt.nth, "how": spoilt.how, "sftp_server": server}
        (self.place / "seen").unlink(missing_ok=True)
        (self.place / "plan.json").write_text(json.dumps(plan))
        self.log.unlink(missing_ok=True)
        try:
            self._run()
        except StrategyError as error:
            if isinstance(error.__cause__, BenchError):
                return error.__cause__
            raise
        except BenchError as error:
            return error
        finally:
            self.close()
        return None

    def _run(self) -> None:
        host = self.ready()
        host.check()
        host.components()
        host.identity()
        guest = self.start_guest(host)
        try:
            self._talk(host, guest)
        finally:
            stop_guests([guest], "power-cut", 10.0)
        if guest.exit_status() != _CUT:
            raise GuestEndedError(guest.system, guest.exit_status() or 0, guest.messages())

    def _talk(self, host: Any, guest: HostGuest) -> None:
        target = GuestTarget(guest.system, guest.wait_console(30.0), self.place / "console.log")
        try:
            found = Probe(target.console.transport(), guest.system).identify(timeout=5.0)
            assert found.architecture == "x86_64"
        finally:
            target.close()
        guest.request_report()
        guest.wait_message("shmem", 5.0)
        assert host.path_exists(f"/dev/qvm/{guest.system}")
        with host.program() as program:
            assert program.attach("nothing") is None

    def guests(self) -> list[str]:
        """Configurations of guests that the board still runs."""
        commands = (command(pid) for pid in descendants(self.board.pid))
        return [words for words in commands if "@" in words and ".qvmconf" in words]
