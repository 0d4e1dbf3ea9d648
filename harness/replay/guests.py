# SPDX-License-Identifier: Apache-2.0
"""A guest that carries steps out for real."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from harness.bench.guests import StartedGuest, Starter, Wanted, stop
from harness.bench.settings import BenchConfig
from harness.console.buffer import ConsoleEndedError
from harness.errors import BenchError
from harness.guest.probe import Probe, ProbeError
from harness.guest.probe_results import numbers
from harness.host.protocol import REJECTED, GuestEndedError
from harness.narrow import present
from harness.replay.model.parties import BY_LINE, BY_MESSAGE, LINE_MASKED, MESSAGES_ALONE
from harness.replay.model.state import HEADER
from harness.replay.script import GUESTS
from harness.report.judging.judgements import Finding
from harness.shmem.config import ShmemVdev

_END_SECONDS: Final = 60.0
_PRESS_SECONDS: Final = 0.3
_BATCH_SECONDS: Final = 90.0
_BUSY_SECONDS: Final = 4.0
_REPORT_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.005
_BY_ITSELF: Final = ("shutdown", "reboot")
_CUT_STATUS: Final = 3
_STATUS_RELEASE: Final = "8.0"
_WORD: Final = 4
_SYSTEMS: Final = tuple("-".join(GUESTS[: number + 1]) for number in range(len(GUESTS)))
"""The names of the systems: each begins with that of the one before, as a host must not take one for the other."""


class Guest:
    """A guest of a world. ``vdevs`` are its devices; ``vectors``, ``headers`` and ``ways`` what they said at first.

    A header is the beginning of the configuration space of a device on PCI, and nothing for one in memory.
    """

    def __init__(
        self, name: str, vdevs: Sequence[ShmemVdev], text: str, config: BenchConfig, starter: Starter, folder: Path
    ) -> None:
        number = GUESTS.index(name)
        self._name = name
        self.vdevs = vdevs
        self.vectors: list[int] = []
        self.headers: list[bytes] = []
        self.ways: list[tuple[int, ...]] = []
        self.numbers: list[int] = []
        self._wanted = Wanted(number, "probe", text, folder, _SYSTEMS[number], file=name)
        self._config = config
        self._starter = starter
        self._guest: StartedGuest | None = None
        self._probe: Probe | None = None

    @property
    def path(self) -> str:
        """What the host has of the guest while it runs."""
        return f"/dev/qvm/{self._wanted.system}"

    @property
    def probe(self) -> Probe:
        """The program in it."""
        return present(self._probe)

    def begin(self) -> None:
        """Start it, without waiting for it."""
        self._guest = self._starter.start(self._wanted)

    def be_refused(self) -> None:
        """Wait until qvm has ended without a guest. Raises Finding when it runs, or ends as if it had run."""
        guest, self._guest = present(self._guest), None
        try:
            guest.qvm.wait_console(self._config.boot_seconds)
        except GuestEndedError as ended:
            if ended.exit_status == 0:
                raise Finding(f"qvm ends with status 0, though a create of {self._name} cannot be made") from ended
        else:
            raise Finding(f"{self._name} starts, though a create of it cannot be made")
        finally:
            stop([guest])

    def open(self) -> None:
        """Wait until it answers, and find its devices. Raises Finding when qvm refuses what it has to accept."""
        try:
            self._probe = present(self._guest).connect()
        except GuestEndedError as error:
            if error.exit_status == REJECTED:
                raise Finding(f"qvm refuses the configuration of {self._name}: {error}") from error
            raise
        places = {place.loc: place for place in self._config.mmio}
        for vdev in self.vdevs:
            place = places.get(vdev.loc or 0)
            if place and place.trigger:
                self.probe.register_device(place.loc, place.line, edge=place.trigger == "edge")
        self.numbers = self._find()
        vectors = []
        for number in self.numbers:
            self.probe.select(number)
            vectors.append(self.probe.factory().vector)
        if self.vectors and vectors != self.vectors:
            raise Finding(f"{self._name}: vector is another one after a restart: {vectors}")
        if not self.vectors:
            self.headers = [
                b"" if vdev.loc is not None else self._header(number)
                for vdev, number in zip(self.vdevs, self.numbers, strict=True)
            ]
            self.ways = [self._ways(number) for number in self.numbers]
        self.vectors = vectors

    def _find(self) -> list[int]:
        """The numbers by which the probe knows the devices."""
        found = self.probe.find()
        known = [number for number in numbers(found, [vdev.loc for vdev in self.vdevs]) if number is not None]
        if len(known) < len(self.vdevs):
            raise Finding(f"{self._name} does not find all of its {len(self.vdevs)} devices: {found}")
        return known

    def _header(self, number: int) -> bytes:
        """The first bytes of a function's configuration space."""
        self.batch([f"h,{number:x},{offset:x},{_WORD}" for offset in range(0, HEADER, _WORD)])
        return b"".join(value.to_bytes(_WORD, "little") for value in self.seen())

    def _ways(self, number: int) -> tuple[int, ...]:
        """The ways in which the guest can receive the device's interrupts."""
        self.probe.select(number)
        ways = []
        for how, word in ((BY_LINE, "pin"), (BY_MESSAGE, "message")):
            with contextlib.suppress(ProbeError):
                edge = self.probe.command(f"irq on {word}")["edge"]
                ways.append(how)
                if how == BY_LINE and not edge and self._config.profile.interrupt_shape == "level":
                    ways.append(LINE_MASKED)
                self.probe.irq_off()
        if BY_MESSAGE in ways:
            ways.append(MESSAGES_ALONE)
        return tuple(ways)

    def batch(self, operations: Sequence[str]) -> tuple[int, int]:
        """Carry out steps; the checksum of the values that they have seen, and how many those are."""
        answer = self.probe.link.request(f"batch {';'.join(operations)}", _BATCH_SECONDS, busy=_BUSY_SECONDS)
        return int(answer["crc32"], 0), answer["values"]

    def seen(self) -> list[int]:
        """The values of the last batch."""
        values: list[int] = []
        while more := self.probe.command(f"seen {len(values)}")["values"]:
            values += [int(value, 0) for value in more]
        return values

    def report(self) -> None:
        """Have qvm write down its state, and give it the time to do so; whether it does is for another test."""
        qvm = present(self._guest).qvm
        said, until = qvm.messages(), time.monotonic() + _REPORT_SECONDS
        qvm.request_report()
        while qvm.messages() == said and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)

    def end(self) -> None:
        """Cut its power, and wait until the host has taken everything back."""
        guest, self._guest, self._probe = self._guest, None, None
        if guest:
            stop([guest])

    def end_by(self, verb: str) -> None:
        """End it in one of the ways of a script. Raises Finding if qvm goes on, or has another status.

        Source of the statuses: QNX Hypervisor 8.0 User's Guide, "qvm process exit codes".
        """
        guest, probe = present(self._guest), self.probe
        match verb:
            case "shutdown":
                probe.power_off()
            case "reboot":
                with contextlib.suppress(ConsoleEndedError):
                    probe.command("reboot")
            case "cut":
                guest.qvm.request_stop("power-button")
            case "press":
                self._press(guest)
        if verb in _BY_ITSELF:
            guest.qvm.wait_end(_END_SECONDS)
        self.end()
        status, documented = guest.qvm.exit_status(), 0 if verb in _BY_ITSELF else _CUT_STATUS
        if verb != "press" and status != documented and self._config.release == _STATUS_RELEASE:
            raise Finding(f"qvm of {self._name} ends with status {status} by {verb}, not {documented}")

    def _press(self, guest: StartedGuest) -> None:
        """Press the power button until qvm ends.

        On Arm that takes one press. On x86 the guest is told of the first one and does nothing; the second one ends it.
        Source: QNX Hypervisor User's Guide, "Shutting down guests".
        """
        presses = 1 if self._config.architecture == "aarch64" else 2
        for press in range(presses):
            guest.qvm.request_stop("power-button")
            try:
                guest.qvm.wait_end(_END_SECONDS if press == presses - 1 else _PRESS_SECONDS)
            except BenchError:
                if guest.qvm.exit_status() is not None:
                    raise
            else:
                return
        raise Finding(f"qvm of {self._name} runs on after {presses} presses of the power button")
