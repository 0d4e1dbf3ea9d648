# SPDX-License-Identifier: Apache-2.0
"""The one way to start a guest: its configuration, qvm, its console, its first answer, and its end.

Tests, the check of a board, the replay and the trial all start their guests here, on any host.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness import events
from harness.bench.configuration import configuration_text
from harness.bench.images import probe_variables
from harness.bench.linux import LinuxKit, LinuxSide, check_memory
from harness.bench.settings import BenchConfig
from harness.errors import BenchError
from harness.guest.console import ShmemConsoleDriver
from harness.guest.probe import Probe, ProbeTimeoutError
from harness.guest.probe_link import Transport
from harness.guest.probe_results import Identity
from harness.guest.target import GuestTarget
from harness.host.protocol import GuestEndedError, HostGuest, ShmemHostProtocol, StopHow, stop_guests
from harness.narrow import present
from harness.provision.linux.image import LinuxImage

_STOP_SECONDS: Final = 60.0
_LEAST_SECONDS: Final = 0.1
_SIGN_SECONDS: Final = 5.0
# No guest has anything to save: a probe guest has no operating system, a Linux guest no disk.
_STOP_HOW: Final[StopHow] = "power-cut"


@dataclass(frozen=True)
class Wanted:
    """The description of a guest to start.

    ``number`` (from 0) decides its console, its address and its port, ``image`` what it boots; ``shmem`` is the text of
    its ``vdev shmem``. Its evidence goes into ``folder``. ``via`` is how it is talked to. ``system`` is its name, and
    ``file`` that of its files. ``linux`` is an image that replaces the one of the bench's recipe.
    """

    number: int
    image: str
    shmem: str
    folder: Path
    system: str
    file: str = ""
    via: str = "serial"
    linux: LinuxImage | None = None

    def path(self, kind: str) -> Path:
        """A file of the guest's evidence."""
        return self.folder / f"{self.file or self.system}.{kind}"

    @property
    def evidence(self) -> list[Path]:
        """All files that the guest leaves there."""
        over_ssh = self.image == "linux" and self.via == "ssh"
        return [self.path(kind) for kind in ("qvmconf", "console.log", *(["ssh.log"] if over_ssh else []))]


class StartedGuest:
    """A guest whose qvm was started ``started`` (``time.monotonic()``) with the configuration ``text``.

    ``qvm`` is its process on the host. It says nothing to us before ``open_console``, its probe nothing before
    ``connect``.
    """

    def __init__(
        self, wanted: Wanted, text: str, qvm: HostGuest, started: float, bench: BenchConfig, kit: LinuxKit
    ) -> None:
        self.wanted = wanted
        self.text = text
        self.qvm = qvm
        self.started = started
        self.first_answer_s = 0.0
        self.linux: LinuxSide | None = None
        self._limit = bench.linux.boot_seconds if wanted.image == "linux" else bench.boot_seconds
        self._bench = bench
        self._kit = kit
        self._target: GuestTarget | None = None
        self._identity: Identity | None = None

    @property
    def system(self) -> str:
        """The guest's name."""
        return self.wanted.system

    @property
    def target(self) -> GuestTarget:
        """The guest as a target of labgrid, with its console open."""
        return present(self._target)

    @property
    def console(self) -> ShmemConsoleDriver:
        """What it says and hears on its serial line."""
        return self.target.console

    @property
    def identity(self) -> Identity:
        """What the probe said of itself at its first answer."""
        return present(self._identity)

    def open_console(self) -> None:
        """Wait for the console and listen to it from now on. Nothing happens if it is open.

        Raises GuestEndedError when qvm ends instead, else BenchError.
        """
        if self._target is not None:
            return
        location = self.qvm.wait_console(self._limit)
        self._target = GuestTarget(self.system, location, self.wanted.path("console.log"))
        if self.wanted.image == "linux":
            address = self._kit.address(self._bench, self.wanted.number)
            self.linux = LinuxSide(self._target, self.qvm, self.wanted.via, self._kit.keys, address)

    def connect(self) -> Probe:
        """Wait for the probe's first answer. Raises GuestEndedError when qvm ends instead, else BenchError."""
        try:
            return self._first_answer()
        except (ProbeTimeoutError, GuestEndedError):
            raise
        except BenchError as error:
            # When the console fails because the guest has ended, the messages of qvm explain more.
            status = _status_soon(self.qvm)
            if status is None:
                raise
            raise GuestEndedError(self.system, status, self.qvm.messages()) from error

    def _first_answer(self) -> Probe:
        deadline = self.started + self._limit
        self.open_console()
        transport: Transport = self.console.transport()
        if self.linux:
            transport = self.linux.connect(deadline, self.wanted.path("ssh.log"))
        probe = Probe(transport, self.system)
        self._identity = probe.identify(timeout=max(_LEAST_SECONDS, deadline - time.monotonic()))
        self.first_answer_s = time.monotonic() - self.started
        return probe

    def close(self) -> None:
        """Close its console, and what else leads to it. May be called again."""
        linux, self.linux = self.linux, None
        target, self._target = self._target, None
        if linux:
            linux.close()
        if target:
            target.close()


class Starter:
    """Starts guests on the ``host`` of a bench; ``kit`` is what the Linux guests of one run have in common."""

    def __init__(self, bench: BenchConfig, host: ShmemHostProtocol, kit: LinuxKit) -> None:
        self._bench = bench
        self._host = host
        self._kit = kit

    def start(self, wanted: Wanted, *, check: bool = True) -> StartedGuest:
        """Start a guest without waiting for it. Raises BenchError.

        Without ``check``, its configuration need not be one that we understand.
        """
        return self.launch(wanted, self.configuration(wanted, check=check))

    def configuration(self, wanted: Wanted, *, check: bool = True) -> str:
        """The configuration of a guest, whose image is on the host then. Raises BenchError."""
        if wanted.image == "linux":
            files = self._kit.variables(self._bench, self._host, wanted.number, wanted.linux)
        else:
            files = probe_variables(self._bench, self._host)
        variables: dict[str, Any] = {
            "system": wanted.system,
            "console": self._host.console(wanted.number),
            "shmem": wanted.shmem,
            **files,
        }
        text = configuration_text(self._bench.templates, wanted.image, check=check, **variables)
        if wanted.image == "linux":
            check_memory(self._bench, text, wanted.linux)
        return text

    def console(self, number: int) -> str:
        """What the configuration of the guest with that number names as its console."""
        return self._host.console(number)

    def launch(self, wanted: Wanted, text: str) -> StartedGuest:
        """Write a configuration, into the evidence too, and let qvm read it."""
        events.session.emit(events.Action(what=events.START, bench=self._bench.name, guest=wanted.system))
        wanted.path("qvmconf").write_text(text)
        path = self._host.put_text(wanted.path("qvmconf").name, text)
        started = time.monotonic()
        qvm = self._host.start_guest(wanted.system, path, self._host.console(wanted.number))
        return StartedGuest(wanted, text, qvm, started, self._bench, self._kit)


def stop(guests: Sequence[StartedGuest], seconds: float = _STOP_SECONDS) -> None:
    """End guests; raises BenchError when one did not end by itself, after it was killed."""
    for guest in guests:
        guest.close()
    stop_guests([guest.qvm for guest in guests], _STOP_HOW, seconds)


def _status_soon(guest: HostGuest) -> int | None:
    try:
        return guest.wait_end(_SIGN_SECONDS)
    except BenchError:
        return None
