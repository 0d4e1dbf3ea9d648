# SPDX-License-Identifier: Apache-2.0
"""Interrupts in drawn histories: guests with two devices, each in several regions, who signal, come and go.

Every change of a status word interrupts its guest once, whatever other regions of the device it has left unread.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

import pytest

from fixtures.api import HostConnection, HostProgram
from fixtures.bench import Bench
from fixtures.deployment import Deploy
from fixtures.guest import Guest, Line, Region
from fixtures.settings import Setting
from harness.shmem.registers import NOTIFY_ALL_OTHERS
from suites.notification.test_wired_lines import listen_by_line

pytestmark = pytest.mark.only(guest_image=["probe"])

SECONDS: Final = 20.0
TURNS: Final = 80
NAMES: Final = ("one", "two", "three")
MANY: Final = (*NAMES, "four")


@dataclass
class Client:
    """A connection: by which device of which guest, and whose signals have come since that guest last listened."""

    who: int
    region: Region
    vdev: int
    unread: set[int] = field(default_factory=set)


@dataclass
class Listener:
    """A guest that listens to one of its devices, and how many interrupts it has to have counted."""

    vdev: int
    owned: int


class Company:
    """The guests, in which regions they are, and who listens."""

    def __init__(self, guests: Sequence[Guest], line: Line | None, random: Random) -> None:
        self._guests = guests
        self._devices = range(len(guests[0].vdevs))
        self._line = line
        self._random = random
        self._listeners: dict[int, Listener] = {}
        self._clients: dict[tuple[int, str], Client] = {}

    def turn(self) -> None:
        """A guest comes, goes, signals, begins to listen or stops."""
        who, name = self._random.randrange(len(self._guests)), self._random.choice(NAMES)
        client, chance = self._clients.get((who, name)), self._random.random()
        if client is None:
            self._come(who, name)
        elif chance < 0.2:
            self._go(who, name)
        elif chance < 0.7:
            self._signal(client, name, [one for one in self._others(who, name) if self._random.random() < 0.6])
        elif who not in self._listeners:
            self._listen(who)
        elif chance < 0.85:
            self.look_away(who)

    def look_away(self, who: int) -> None:
        """A guest listens no more, if it did: it has counted one interrupt for each change, and no other one."""
        if listener := self._listeners.pop(who, None):
            assert self._guests[who].interrupt_count().owned == listener.owned, f"guest {who}"
            self._guests[who].probe.irq_off()

    def _others(self, who: int, name: str) -> list[Client]:
        return [client for (one, at), client in self._clients.items() if at == name and one != who]

    def _come(self, who: int, name: str) -> None:
        # The probe listens to the device that it has selected.
        vdev = self._listeners[who].vdev if who in self._listeners else self._random.choice(self._devices)
        self._clients[who, name] = Client(who, self._guests[who].attach(name, vdev=vdev), vdev)
        self._check(self._others(who, name), f"{who} comes to {name}")

    def _go(self, who: int, name: str) -> None:
        self._clients.pop((who, name)).region.detach()
        self._check(self._others(who, name), f"{who} leaves {name}")

    def _signal(self, ours: Client, name: str, chosen: list[Client]) -> None:
        new = self._notify(ours, name, chosen)
        self._check(new, f"{ours.who} signals {[client.who for client in chosen]} in {name}", ours.region.index)

    def _notify(self, ours: Client, name: str, chosen: list[Client]) -> list[Client]:
        """Signal these clients; returns those whose word that changes."""
        if len(chosen) == len(self._others(ours.who, name)) and self._random.random() < 0.5:
            ours.region.notify(NOTIFY_ALL_OTHERS)
        else:
            ours.region.signal(*(client.region.index for client in chosen))
        new = [client for client in chosen if ours.region.index not in client.unread]
        for client in new:
            client.unread.add(ours.region.index)
        return new

    def _check(self, changed: list[Client], what: str, sender: int | None = None) -> None:
        """Each of these that listens has one interrupt, and sees why."""
        for client in changed:
            listener = self._listeners.get(client.who)
            if listener is None or listener.vdev != client.vdev:
                continue
            waited = self._guests[client.who].wait_interrupts(SECONDS)
            assert waited.interrupts == 1, f"{what}: {client.who} is interrupted {waited.interrupts} times"
            senders = {item.handle: item.senders for item in waited.pending if item.senders}
            assert senders == ({} if sender is None else {client.region.handle: 1 << sender}), f"{what}: {client.who}"
            self._read(client.who)
            listener.owned += 1

    def _read(self, who: int) -> None:
        """The handler has read all regions of its device."""
        for (one, _), client in self._clients.items():
            if one == who and client.vdev == self._listeners[who].vdev:
                client.unread.clear()

    def _listen(self, who: int) -> None:
        """A guest that did not listen begins to, with changes unread, and a signal comes that is new.

        What was unread may interrupt first: by a line, or where a controller has kept it.
        """
        due = [
            (ours, client, name)
            for (one, name), client in self._clients.items()
            if one == who
            for ours in self._others(who, name)
            if ours.region.index not in client.unread
        ]
        if not due:
            return
        ours, client, name = self._random.choice(due)
        guest = self._guests[who]
        guest.listen(self._line, vdev=client.vdev)
        self._listeners[who] = Listener(client.vdev, 0)
        self._notify(ours, name, [client])
        sender = 1 << ours.region.index
        while not (waited := guest.wait_interrupts(SECONDS)).senders(client.region.handle) & sender:
            assert not waited.timed_out, f"{who} listens, {ours.who} signals in {name}: no interrupt"
        self._read(who)
        self._listeners[who].owned = guest.interrupt_count().owned


def _live(guests: Sequence[Guest], line: Line | None, random: Random) -> None:
    company = Company(guests, line, random)
    for _ in range(TURNS):
        company.turn()
    for who in range(len(guests)):
        company.look_away(who)


@pytest.mark.requirement("SHM-NOTIF-05", "SHM-NOTIF-08", "SHM-NOTIF-09", "SHM-NOTIF-11")
def test_each_change_interrupts_whoever_it_is_for(deploy: Deploy, bench: Bench, setting: Setting) -> None:
    """Once, and nobody else: by message where there are messages, or by the line."""
    devices = 2 if setting.placement == "pci" else min(2, len(bench.config.mmio))
    _live(deploy(*[("",) * devices] * 3), None, Random(setting.placement))


@pytest.mark.only(placement=["pci"])
@pytest.mark.requirement("SHM-NOTIF-05", "SHM-NOTIF-08", "SHM-NOTIF-09", "SHM-NOTIF-11")
def test_each_change_interrupts_by_the_pin_as_well(deploy: Deploy, setting: Setting) -> None:
    """Where there are messages, too."""
    guests = deploy(*[("", "")] * 3)
    listen_by_line(setting, *guests)
    for guest in guests:
        guest.probe.irq_off()
    _live(guests, "pin", Random("pin"))


@contextlib.contextmanager
def _counting(bench: Bench, guest: Guest, devices: Sequence[int]) -> Iterator[None]:
    """The guest counts messages of these devices; skips the test where it can have none."""
    try:
        if not all(guest.probe.count_messages(device) for device in devices):
            pytest.skip(f"guests of {bench.name} cannot receive their interrupt by message")
        yield
    finally:
        # The guests are those of the next test, too.
        for device in devices:
            guest.probe.count_no_more(device)


class ProgramsRegion:
    """A region in which a program of the host is a client."""

    def __init__(self, connection: HostConnection) -> None:
        self.index = connection.index
        self.detach = connection.detach
        self._notify = connection.notify

    def signal(self, client: int) -> None:
        """Signal that client."""
        self._notify(1 << client)


@pytest.mark.only(placement=["pci"])
@pytest.mark.parametrize("with_program", [False, True], ids=["guests", "guest and program"])
@pytest.mark.requirement("SHM-NOTIF-05", "SHM-NOTIF-08", "SHM-NOTIF-09")
def test_each_change_is_a_message_whatever_is_unread(
    deploy: Deploy, bench: Bench, request: pytest.FixtureRequest, with_program: bool
) -> None:
    """A handler that counts and reads nothing; the guest reads one word or another at drawn times."""
    guest, one, other = deploy(("", ""), "", "")
    peers: list[Callable[[str], Region | ProgramsRegion]] = [one.attach, other.attach]
    if with_program:
        program: HostProgram = request.getfixturevalue("host_program")
        peers[1] = lambda name: ProgramsRegion(program.create(name, 1))
    random, devices = Random("messages"), [guest.device(vdev) for vdev in (0, 1)]
    ours = {name: Client(0, guest.attach(name, vdev=vdev), vdev) for name, vdev in zip(MANY, (0, 0, 1, 1), strict=True)}
    theirs = {name: [come(name) for come in peers] for name in MANY}
    for client in ours.values():
        client.region.pending()
    with _counting(bench, guest, devices):
        for turn in range(TURNS):
            name, peer = random.choice(MANY), random.randrange(len(peers))
            client, region = ours[name], theirs[name][peer]
            match random.randrange(4):
                case 0:
                    assert client.region.pending() == client.unread
                    client.unread.clear()
                    changes = 0
                case 1:
                    region.detach()
                    _check_messages(guest, devices, client, 1, f"turn {turn}: one leaves")
                    theirs[name][peer] = peers[peer](name)
                    changes = 1
                case _:
                    region.signal(client.region.index)
                    changes = int(region.index not in client.unread)
                    client.unread.add(region.index)
            _check_messages(guest, devices, client, changes, f"turn {turn}")


def _check_messages(guest: Guest, devices: Sequence[int], client: Client, changes: int, what: str) -> None:
    """So many messages have come for one device since this was last asked, and none for the other."""
    expected = [changes if vdev == client.vdev else 0 for vdev in range(len(devices))]
    assert [guest.probe.messages(*each, SECONDS) for each in zip(devices, expected, strict=True)] == expected, what
