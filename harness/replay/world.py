# SPDX-License-Identifier: Apache-2.0
"""The guests and programs of a host that carry steps out for real."""

from __future__ import annotations

import contextlib
import struct
import time
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from harness.bench.configuration import shmem
from harness.bench.guests import StartedGuest, Starter, Wanted, stop
from harness.bench.linux import LinuxKit
from harness.bench.settings import BenchConfig
from harness.console.buffer import ConsoleEndedError
from harness.emulator.service.client import HostRequestError
from harness.errors import BenchError
from harness.guest.probe import Probe, ProbeError
from harness.host.protocol import (
    HOST_CLIENT,
    HOST_STATUS,
    PULSES,
    REGIONS,
    HostConnection,
    HostProgram,
    ShmemHostProtocol,
)
from harness.narrow import present
from harness.replay.parties import BY_LINE, BY_MESSAGE, LINE_MASKED, MARK, MESSAGES_ALONE, SEED_MASK, known_group
from harness.replay.reference import Outcome
from harness.replay.script import GUESTS, HOST, PROGRAMS, Script, Step, as_text
from harness.replay.state import Facts, cannot_start
from harness.report.judging.judgements import Finding
from harness.shmem.config import ShmemVdev
from harness.shmem.oracle import creations
from harness.shmem.profile import Profile
from harness.shmem.registers import PAGE_SIZE

_END_SECONDS: Final = 60.0
_REFUSED_SECONDS: Final = 15.0
_BATCH_SECONDS: Final = 90.0
_BUSY_SECONDS: Final = 4.0
_PULSE_SECONDS: Final = 20.0
_NOTICE_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.005
_WORD: Final = 8
_BY_ITSELF: Final = ("shutdown", "reboot")
_CUT_STATUS: Final = 3
_STATUS_RELEASE: Final = "8.0"


class Guest:
    """A guest of the world. ``vdevs`` are its devices; ``vectors`` and ``ways`` what they said at the first start."""

    def __init__(self, name: str, vdevs: Sequence[ShmemVdev], text: str, world: World) -> None:
        self.vdevs = vdevs
        self.vectors: list[int] = []
        self.ways: list[tuple[int, ...]] = []
        self.numbers: list[int] = []
        self._wanted = Wanted(GUESTS.index(name), "probe", text, world.folder, name)
        self._world = world
        self._guest: StartedGuest | None = None
        self._probe: Probe | None = None

    @property
    def probe(self) -> Probe:
        """The program in it."""
        return present(self._probe)

    def begin(self) -> None:
        """Start it, without waiting for it."""
        self._guest = self._world.starter.start(self._wanted)

    def be_refused(self) -> None:
        """Wait until qvm has ended without a guest. Raises Finding when it runs, or ends as if it had run."""
        guest, self._guest = present(self._guest), None
        try:
            status = guest.qvm.wait_end(_REFUSED_SECONDS)
        except BenchError:
            raise Finding(f"{self._wanted.system} starts, though a create of it cannot be made") from None
        finally:
            stop([guest])
        if status == 0:
            raise Finding(f"qvm ends with status 0, though a create of {self._wanted.system} cannot be made")

    def open(self) -> None:
        """Wait until it answers, and find its devices."""
        self._probe = present(self._guest).connect()
        places = {place.loc: place for place in self._world.config.mmio}
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
            raise Finding(f"{self._wanted.system}: vector is another one after a restart: {vectors}")
        if not self.vectors:
            self.ways = [self._ways(number) for number in self.numbers]
        self.vectors = vectors

    def _find(self) -> list[int]:
        """The numbers by which the probe knows the devices."""
        found = self.probe.find()
        on_bus = iter(sorted(device.device for device in found if device.pci))
        in_memory = {device.factory: device.device for device in found if not device.pci}
        numbers = []
        for vdev in self.vdevs:
            number = next(on_bus, None) if vdev.loc is None else in_memory.get(vdev.loc)
            if number is None:
                raise Finding(f"{self._wanted.system} does not find all of its {len(self.vdevs)} devices: {found}")
            numbers.append(number)
        return numbers

    def _ways(self, number: int) -> tuple[int, ...]:
        """The ways in which the guest can receive the device's interrupts."""
        self.probe.select(number)
        ways = []
        for how, word in ((BY_LINE, "pin"), (BY_MESSAGE, "message")):
            with contextlib.suppress(ProbeError):
                edge = self.probe.command(f"irq on {word}")["edge"]
                ways.append(how)
                if how == BY_LINE and not edge and self._world.config.profile.interrupt_shape == "level":
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

    def end(self) -> None:
        """Cut its power, and wait until the host has taken everything back."""
        guest, self._guest, self._probe = self._guest, None, None
        if guest:
            stop([guest])

    def end_by(self, verb: str) -> None:
        """End it in one of the ways of a script. Raises Finding when qvm ends with another status than documented.

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
        if verb in _BY_ITSELF:
            guest.qvm.wait_end(_END_SECONDS)
        self.end()
        status, documented = guest.qvm.exit_status(), 0 if verb in _BY_ITSELF else _CUT_STATUS
        if status != documented and self._world.config.release == _STATUS_RELEASE:
            raise Finding(f"qvm of {self._wanted.system} ends with status {status} by {verb}, not {documented}")


class Program:
    """A program of the host, with as many connections as it likes; it runs from its first request until it ends."""

    def __init__(self, host: ShmemHostProtocol, *, tells_modes: bool) -> None:
        self._host = host
        self._tells_modes = tells_modes
        self._process: HostProgram | None = None
        self._connections: dict[str, tuple[str, HostConnection]] = {}
        self._cleanup = contextlib.ExitStack()

    def end(self) -> None:
        """End it, with all connections that it has, and give the host the time to notice.

        Whether the host does is for the next look at members to tell.
        """
        held = {(name, connection.index) for name, connection in self._connections.values()}
        self._process = None
        self._connections = {}
        self._cleanup.close()
        until = time.monotonic() + _NOTICE_SECONDS
        while held & self._held() and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)

    def _held(self) -> set[tuple[str, int]]:
        return {(region.name, index) for region in self._host.regions() for index in region.clients}

    @property
    def _program(self) -> HostProgram:
        if self._process is None:
            self._process = self._cleanup.enter_context(self._host.program())
        return self._process

    def perform(self, step: Step, pulses: int) -> Outcome:
        """Carry a step out and tell what it showed; ``pulses`` is how many are expected."""
        if step.verb == "regions":
            return self._regions()
        if step.verb == "end":
            self.end()
            return {"done": 0}
        if step.verb == "attach":
            return self._attach(step)
        if step.verb == "join":
            made = self._program.attach(as_text(step.name))
            return {"there": 0} if made is None else self._made(step, made)
        _, connection = self._connections[step.connection]
        match step.verb:
            case "detach":
                del self._connections[step.connection]
                connection.detach()
            case "notify":
                connection.notify(step.number("MASK"))
            case "status":
                return {"control": connection.status()}
            case "pulses":
                return {"pulses": connection.wait_pulses(pulses, _PULSE_SECONDS)}
            case _:
                return _data(step, connection)
        return {"done": 0}

    def _attach(self, step: Step) -> Outcome:
        try:
            made = self._program.create(as_text(step.name), step.number("PAGES"))
        except HostRequestError as refused:
            return {"status": refused.status}
        return self._made(step, made)

    def _made(self, step: Step, connection: HostConnection) -> Outcome:
        self._connections[step.connection] = as_text(step.name), connection
        return {"status": 0, "index": connection.index, "pages": connection.pages}

    def _regions(self) -> Outcome:
        seen: Outcome = {}
        for region in self._host.regions():
            seen[f"pages of {region.name}"] = region.pages
            seen[f"members of {region.name}"] = sum(1 << index for index in region.clients)
            if self._tells_modes and region.mode is not None:
                seen[f"mode of {region.name}"] = region.mode
                seen[f"group of {region.name}"] = known_group(region.group)
        return dict(sorted(seen.items()))


def _data(step: Step, connection: HostConnection) -> Outcome:
    """Data of a region, from the host's side."""
    if step.verb == "mark":
        for number in range(2 * connection.pages):
            word = MARK | (step.number("SEED") & SEED_MASK) << 24 | number
            connection.write(_edge(number), word.to_bytes(_WORD, "little"))
        return {"done": 0}
    if step.verb == "edges":
        data = connection.read(0, connection.pages * PAGE_SIZE)
        words = b"".join(data[(at := _edge(number)) : at + _WORD] for number in range(2 * connection.pages))
        return {"crc32": zlib.crc32(words)}
    offset = _edge(2 * (step.number("PAGE") % connection.pages))
    if step.verb == "write":
        connection.write(offset, step.number("VALUE").to_bytes(_WORD, "little"))
        return {"done": 0}
    return {"value": int.from_bytes(connection.read(offset, _WORD), "little")}


def _edge(number: int) -> int:
    return number // 2 * PAGE_SIZE + number % 2 * (PAGE_SIZE - _WORD)


class World:
    """The guests of a script on a host, running while the context lasts.

    ``devices`` are the options of the devices of each guest; those of ``asleep`` do not run yet. The guests' logs and
    configurations go to ``folder``.
    """

    def __init__(
        self,
        config: BenchConfig,
        host: ShmemHostProtocol,
        devices: Mapping[str, Sequence[str]],
        folder: Path,
        asleep: frozenset[str] = frozenset(),
    ) -> None:
        self.config = config
        self.host = host
        self.folder = folder
        self.starter = Starter(config, host, LinuxKit())
        self.guests = {}
        for name, options in devices.items():
            made = shmem(tuple(options))
            self.guests[name] = Guest(name, made.vdevs, made.text, self)
        broken = {name for name, guest in self.guests.items() if cannot_start(guest.vdevs, config.profile)}
        self.asleep = asleep | broken
        self._broken = broken
        self.programs: dict[int, Program] = {}
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            for guest in self.guests.values():
                stack.callback(guest.end)
            # They start once, to find their devices.
            asleep = [guest for name, guest in self.guests.items() if name in self.asleep - self._broken]
            self._start(asleep)
            for guest in asleep:
                guest.end()
            self._start([guest for name, guest in self.guests.items() if name not in self.asleep])
            if HOST_CLIENT in self.abilities:
                tells_modes = self.config.profile.permission_options == "accepted"
                for number in PROGRAMS:
                    self.programs[number] = Program(self.host, tells_modes=tells_modes)
                    stack.callback(self.programs[number].end)
            self.threads = stack.enter_context(ThreadPoolExecutor(max_workers=len(GUESTS) + 1))
            self._cleanup = stack.pop_all()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    def _start(self, guests: Sequence[Guest]) -> None:
        """Start guests, all at once unless several create one region: the first one makes that."""
        together = not _create_the_same([guest.vdevs for guest in guests], self.config.profile)
        for guest in guests:
            guest.begin()
            if not together:
                guest.open()
        for guest in guests if together else ():
            guest.open()

    @property
    def abilities(self) -> frozenset[str]:
        """What the host can do of ``regions``, ``host-client`` and ``pulses``.

        The model knows with which status a program is refused. A host that does not tell it has no program here.
        """
        ours = {REGIONS, HOST_CLIENT, PULSES} if HOST_STATUS in self.host.capabilities else {REGIONS}
        return self.host.capabilities & ours

    def facts(self) -> Facts:
        """What the reference model has to know."""
        vdevs = {name: guest.vdevs for name, guest in self.guests.items()}
        vectors = {name: guest.vectors for name, guest in self.guests.items()}
        return Facts(vdevs, self.config.profile, vectors)

    def change(self, step: Step) -> None:
        """Start or end a guest."""
        guest = self.guests[step.actor]
        if step.verb == "start" and step.actor in self._broken:
            guest.begin()
            guest.be_refused()
        elif step.verb == "start":
            guest.begin()
            guest.open()
        else:
            guest.end_by(step.verb)

    def check_means(self) -> None:
        """Raise BenchError when the machine ran out of something: then what was seen says nothing."""
        if missed := self.host.shortages():
            raise BenchError(f"the machine is {missed[0]}", remedy="raise the limit (ulimit -a shows them)")

    def can(self, step: Step) -> bool:
        """Whether the host has the ability that a step needs."""
        if step.actor != HOST:
            return True
        needed = {"regions": REGIONS, "pulses": PULSES}.get(step.verb, HOST_CLIENT)
        return needed in self.abilities


def _create_the_same(guests: Sequence[Sequence[ShmemVdev]], profile: Profile) -> bool:
    """Whether there is a region that more than one of the guests create."""
    made = [{one.host_name for vdev in vdevs for one in creations(vdev, profile)} for vdevs in guests]
    return len(set().union(*made)) < sum(map(len, made))


def asleep(script: Script) -> frozenset[str]:
    """The guests that do not run at the beginning: what they do first is to start."""
    first = {step.actor: step for step in reversed(script.steps)}
    return frozenset(actor for actor, step in first.items() if step.verb == "start")


def digest(outcomes: Sequence[Outcome]) -> tuple[int, int]:
    """What a probe would answer to a batch that shows this."""
    values = [value for outcome in outcomes for value in outcome.values()]
    return zlib.crc32(struct.pack(f"<{len(values)}Q", *values)), len(values)
