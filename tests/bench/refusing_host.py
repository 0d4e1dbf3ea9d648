# SPDX-License-Identifier: Apache-2.0
"""A host whose qvm refuses guests, for tests of what that is taken for; environment files import it by its path."""

from __future__ import annotations

import json
import os
import threading
import tty
from pathlib import Path
from typing import Any

import attr
from labgrid.factory import target_factory

from harness.guest.framing import Decoder, Frame, Kind, encode
from harness.host.protocol import ConsoleLocation, GuestEndedError, HostGuest, StopHow
from tests.bench.fake_bench import ShmemFakeHostDriver

__all__ = ["ShmemRefusingHostDriver"]


IDENTITY = {
    "probe": "1.0",
    "protocol": 1,
    "architecture": "x86_64",
    "platform": "scripted",
    "build": "none",
    "boot": "0x1",
    "console": "none",
    "clock_hz": 0,
    "clock": None,
    "loader": None,
    "ram": [],
    "devices": 1,
}
"""What the probe of a guest says of itself."""


class ScriptedGuest(HostGuest):
    """A guest whose qvm ends at once, or runs (status None); ``late``: it ends when it has a console already."""

    def __init__(self, system: str, status: int | None, said: str, *, late: bool = False) -> None:
        self.system = system
        self._status = status
        self._said = said
        self._late = late

    def wait_console(self, timeout: float) -> ConsoleLocation:  # noqa: ARG002
        if self._status is not None and not self._late:
            raise GuestEndedError(self.system, self._status, self._said)
        ours, theirs = os.openpty()
        tty.setraw(theirs)
        threading.Thread(target=_end if self._late else _answer, args=(ours,), daemon=True).start()
        return ConsoleLocation("RawSerialPort", {"port": os.ttyname(theirs)})

    def exit_status(self) -> int | None:
        return self._status

    def wait_end(self, timeout: float) -> int:  # noqa: ARG002
        return self._status or 0

    def messages(self) -> str:
        return self._said

    def request_stop(self, how: StopHow) -> None:  # noqa: ARG002
        self._status = 3

    def kill(self) -> None:
        pass


def _answer(console: int) -> None:
    """Say who the guest is, whatever it is asked, until its console is closed."""
    decoder = Decoder()
    while True:
        try:
            said = os.read(console, 4096)
        except OSError:
            return
        for frame in decoder.feed(said):
            os.write(console, encode(Frame(Kind.ANSWER, frame.sequence, json.dumps(IDENTITY))))


def _end(console: int) -> None:
    """Close the console at the first word."""
    os.read(console, 1)
    os.close(console)


@target_factory.reg_driver
@attr.s(eq=False)
class ShmemRefusingHostDriver(ShmemFakeHostDriver):
    """``status`` is qvm's, ``said`` its message: ``LINE:WORDS:`` in it is the place of the line that has the words.

    With ``plain``, a guest whose device has no options runs; with ``only_regions``, one that only has ``create``, too.
    ``late``: other guests end when they have a console already.
    """

    status: int = attr.ib(default=65)
    said: str = attr.ib(default="")
    plain: bool = attr.ib(default=False)
    only_regions: bool = attr.ib(default=False)
    late: bool = attr.ib(default=False)

    def check(self) -> None:
        pass

    def put(self, source: Path) -> str:
        return str(source)

    def put_text(self, name: str, text: str) -> str:
        self._note(f"console {next(line.split()[1] for line in text.splitlines() if 'hostdev' in line)}")
        self._text, self._name = text, name
        return f"/tmp/{name}"

    def start_guest(self, system: str, configuration: str, console: str) -> HostGuest:  # noqa: ARG002
        options = self._text.rpartition("vdev shmem")[2].split()
        if (self.plain and not options) or (self.only_regions and set(options[::2]) == {"create"}):
            return ScriptedGuest(system, None, "")
        said = self.said
        while "LINE:" in said:
            before, _, rest = said.partition("LINE:")
            words, _, after = rest.partition(":")
            number = 1 + next(at for at, line in enumerate(self._text.splitlines()) if words in line)
            said = f"{before}[{configuration}:{number}]{after}"
        return ScriptedGuest(system, self.status, said, late=self.late)

    def inject(self, fault: str, **arguments: Any) -> None:
        raise NotImplementedError(fault, arguments)
