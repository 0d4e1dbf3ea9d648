# SPDX-License-Identifier: Apache-2.0
"""The loopback board as a labgrid resource: started with the target, gone with the process, however that ends."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from typing import Any, Final

import attr
from labgrid.factory import target_factory
from labgrid.resource import NetworkService, RawSerialPort
from labgrid.resource.common import Resource

from harness.errors import BenchError
from harness.loopback.command import CONTROL
from harness.loopback.image import IMAGES
from harness.loopback.machine import SERIAL, SSH_PASSWORD, guest_lines
from harness.loopback.openssh import USER, account_library
from harness.paths import plain_folder
from harness.provision.programs import board_programs

_START_SECONDS: Final = 120.0
_LOOK_MILLISECONDS: Final = 20
_MOST_LINES: Final = 64
_STOP_SECONDS: Final = 60.0


class LoopbackBoard:
    """A board of one's own. It ends with this process, however that ends: it watches a pipe of ours."""

    def __init__(self, *options: str) -> None:
        """Start it, without power. ``options`` are those of ``python -m harness.loopback``. Raises BenchError."""
        # What the board is made of may have to be fetched and built first, which takes as long as it takes.
        board_programs()
        account_library()
        self.folder = plain_folder("shmem-board-")
        self._log = self.folder / "board.log"
        reading, self._lifeline = os.pipe()
        command = [sys.executable, "-m", "harness.loopback", str(self.folder), "--remove", "--lifeline", str(reading)]
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [*command, *options],
                pass_fds=[reading],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        os.close(reading)
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def _wait(self) -> None:
        """Until it can be handled."""
        deadline = time.monotonic() + _START_SECONDS
        poll = select.poll()
        while not (self.folder / CONTROL).exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = self._log.read_text(errors="replace") if self._log.exists() else ""
                raise BenchError(f"the loopback board did not start; it says:\n{said}")
            poll.poll(_LOOK_MILLISECONDS)  # the appearance of a socket has no event

    @property
    def pid(self) -> int:
        """Process id of the board."""
        return self._process.pid

    @property
    def port(self) -> int:
        """TCP port of its SSH server."""
        return int((self.folder / "port").read_text())

    @property
    def password(self) -> str:
        """Password of its account for SSH; that of the serial line is a fixed one."""
        return (self.folder / SSH_PASSWORD).read_text()

    def close(self) -> None:
        """Cut its power and remove it. May be called again."""
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def board_variable(target: str) -> str:
    """The environment variable that holds the folder of the board of a target."""
    return f"LG_{target.upper().replace('-', '_')}"


@target_factory.reg_resource
@attr.s(eq=False)
class ShmemLoopbackBoard(Resource):  # type: ignore[misc]
    """Starts a loopback board and adds to the target what a cable and a network would: a serial port named ``console``,
    one per guest line named ``uart1``, ``uart2``, ..., and a NetworkService. The board's folder is in an environment
    variable named after the target, LG_LOOPBACK for the target ``loopback``: the power switch and the key are below it.

    Args:
        guest_lines (int): consoles of guests that are on serial lines of the board
        image (str): what is on its disk: ``posix``, or ``qnx``, which is like an image of QNX 8.0; there, the login of
            the NetworkService is a password that is asked for
    """

    guest_lines: int = attr.ib(
        default=0,
        validator=[attr.validators.instance_of(int), attr.validators.ge(0), attr.validators.le(_MOST_LINES)],
    )

    image: str = attr.ib(default="posix", validator=attr.validators.in_(tuple(IMAGES)))

    @staticmethod
    def provided(guest_lines: int, image: str) -> list[tuple[type[Resource], str | None]]:
        """What it adds to the target with these arguments, for a check of the target file that starts nothing."""
        del image  # none adds another resource
        return [(NetworkService, None), *((RawSerialPort, name) for name in _ports(guest_lines))]

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.board = LoopbackBoard("--guest-lines", str(self.guest_lines), "--image", self.image, *self._profile())
        os.environ[board_variable(self.target.name)] = str(self.board.folder)
        for name, line in _ports(self.guest_lines).items():
            RawSerialPort(self.target, name, port=os.path.realpath(self.board.folder / line))
        password = self.board.password if self.image == "qnx" else ""
        NetworkService(self.target, None, address="127.0.0.1", username=USER, port=self.board.port, password=password)

    def _profile(self) -> list[str]:
        """The device of this board behaves as the target's options say."""
        options: dict[str, Any] = self.target.env.config.get_targets()[self.target.name]["options"]
        overrides = options.get("profile_overrides") or {}
        sets = [word for field, reading in overrides.items() for word in ("--set", f"{field}={reading}")]
        return ["--profile", str(options["profile"]), *sets]


def _ports(count: int) -> dict[str, str]:
    """Names of the serial ports, and the lines of the board that they are."""
    return {"console": SERIAL} | {line: line for line in guest_lines(count)}
