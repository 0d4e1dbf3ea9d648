# SPDX-License-Identifier: Apache-2.0
"""The state of the reference model: what holds for all steps, and who is in which region by now.

It says which steps are possible, and how regions begin and end as guests and programs of the host come and go.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final, Self

from harness.replay.model.parties import BY_LINE, LINE_MASKED, NO_DEVICE, Client, Due, Factory, Region
from harness.replay.script import HOST, PROGRAMS, Step
from harness.shmem.config import ShmemVdev
from harness.shmem.oracle import Decision, creations, decide
from harness.shmem.profile import Profile
from harness.shmem.registers import PCI_READ_ONLY
from harness.shmem.status import Status

_SHMEM_OLD: Final = 0x100
_HANDLES: Final = 32
_PLACES: Final = 32
"""The size of a place for a region in a window is a multiple of so many pages."""
LARGEST: Final = (1 << 20) - 1
"""Pages of a region that any device can show; with more there is no memory."""
ADDRESSES: Final = range(0x10, 0x28)
HEADER: Final = 0x40
"""Bytes in the header of a configuration space."""


def has_more_behind(pages: int) -> bool:
    """Whether a region cannot fill its place, so that the page behind it is of no other place."""
    return (pages + 1) % _PLACES != 0


Outcome = dict[str, int]
"""What a step shows, in the order in which the probe sees it."""


class Refused(Exception):
    """A request that ends with this status."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.name)
        self.status = status


def cannot_start(vdevs: Sequence[ShmemVdev], profile: Profile) -> bool:
    """Whether qvm refuses a guest with these devices, as a create of one of them cannot be made."""
    made = [creation for vdev in vdevs for creation in creations(vdev, profile)]
    return any(creation.problem or creation.pages > LARGEST for creation in made)


def made_by(vdevs: Sequence[ShmemVdev], profile: Profile) -> frozenset[str]:
    """The host's names of the regions that the creates of these devices make."""
    return frozenset(creation.host_name for vdev in vdevs for creation in creations(vdev, profile))


class Facts:
    """What does not change while the steps go on: the devices of each guest, the profile, what was learnt at the start.

    ``vectors`` are the interrupt numbers that the factory pages tell, device by device; ``headers`` the first 64 bytes
    of their configuration space, none for a device in memory; ``refused`` are the guests that qvm does not start.
    """

    def __init__(
        self,
        vdevs: Mapping[str, Sequence[ShmemVdev]],
        profile: Profile,
        vectors: Mapping[str, Sequence[int]],
        headers: Mapping[str, Sequence[bytes]],
    ) -> None:
        self.vdevs = vdevs
        self.profile = profile
        self.vectors = vectors
        self.headers = headers
        self.refused = frozenset(actor for actor, several in vdevs.items() if cannot_start(several, profile))
        self._decisions: dict[tuple[str, int, str], Decision] = {}
        self._handles: dict[str, list[str]] = {}

    @cached_property
    def created(self) -> frozenset[str]:
        """The host's names of the regions that creates of the guests make."""
        return made_by([vdev for vdevs in self.vdevs.values() for vdev in vdevs], self.profile)

    def decide(self, actor: str, device: int, name: str) -> Decision:
        """What the oracle says about a name."""
        key = (actor, device, name)
        if key not in self._decisions:
            self._decisions[key] = decide(self.vdevs[actor][device], name, self.profile)
        return self._decisions[key]

    def fixed(self, step: Step) -> bytes:
        """What a device's configuration space has where the step is: nothing where that may change.

        A step ``config`` may read addresses too, which nobody changes here; to store one moves the device.
        """
        places = (*PCI_READ_ONLY, ADDRESSES) if step.verb == "config" else PCI_READ_ONLY
        first, end = step.number("OFFSET"), step.number("OFFSET") + step.number("WIDTH")
        return self.header(step)[first:end] if any(first in place and end - 1 in place for place in places) else b""

    def header(self, step: Step) -> bytes:
        """The header of the step's device as it was at first; nothing for a device in memory."""
        return self.headers[step.actor][step.number("DEVICE")]

    def handle(self, actor: str, connection: str) -> int:
        """The number by which the probe of a guest knows a connection."""
        names = self._handles.setdefault(actor, [])
        if connection not in names:
            names.append(connection)
        return names.index(connection) % _HANDLES


class State:
    """Who runs, which regions there are, and who is in them."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.profile = facts.profile
        self.regions: list[Region] = []
        self.devices: dict[str, list[Factory]] = {}
        self.clients: dict[str, dict[str, Client]] = {HOST: {}, **{actor: {} for actor in facts.vdevs}}
        self._serial = 0
        self._left: frozenset[tuple[str, str]] = frozenset()

    def copy(self) -> Self:
        """The same state, for another continuation."""
        other = copy.copy(self)
        dues = {id(factory.due): copy.copy(factory.due) for several in self.devices.values() for factory in several}
        regions = {id(region): region.copy() for region in self.regions}
        clients: dict[int, Client] = {}

        def client(one: Client) -> Client:
            if id(one) not in clients:
                due = dues.get(id(one.due)) or copy.copy(one.due)
                region = regions.get(id(one.region), one.region)
                clients[id(one)] = replace(one, region=region, due=due)
            return clients[id(one)]

        other.regions = list(regions.values())
        for region in other.regions:
            region.clients = {index: client(one) for index, one in region.clients.items()}
        other.clients = {
            actor: {name: client(one) for name, one in several.items()} for actor, several in self.clients.items()
        }
        other.devices = {
            actor: [
                replace(one, due=dues[id(one.due)], shown=client(one.shown) if one.shown else None) for one in several
            ]
            for actor, several in self.devices.items()
        }
        return other

    def key(self) -> object:
        """Equal for states that nothing can distinguish from now on."""

        def client(one: Client) -> object:
            due = (one.due.how, one.due.off, one.due.least, one.due.most, one.signalled, one.sets, one.old_sets)
            return (
                one.actor,
                one.connection,
                one.device,
                one.window,
                one.pending,
                one.taken,
                one.unread,
                one.pulses,
                due,
            )

        regions = sorted(
            (region.name, region.pages, region.maker, region.lifetime, region.given, region.last, region.seed or -1,
             tuple(sorted(region.words.items())), tuple(sorted(region.kept.items())),
             tuple((index, client(region.clients[index])) for index in sorted(region.clients)))
            for region in self.regions
        )  # fmt: skip
        devices = [
            (actor, factory.status, factory.size, factory.name, factory.flags, self._shmem(factory))
            for actor, several in sorted(self.devices.items())
            for factory in several
        ]
        return tuple(regions), tuple(devices)

    def runs(self, actor: str) -> bool:
        """Whether there is somebody to do anything."""
        return actor == HOST or actor in self.devices

    def is_possible(self, step: Step) -> bool:
        """Whether the step can be carried out; those that cannot are left out."""
        if step.verb in ("start", "abort"):
            return step.actor not in self.devices and (step.verb == "start" or self._may_abort(step.actor))
        if not self.runs(step.actor):
            return False
        if step.actor != HOST and step.has("DEVICE") and step.number("DEVICE") >= len(self.devices[step.actor]):
            return False
        if step.verb in ("listen", "interrupts", "pin", "ones") and not self._may_interrupt(step):
            return False
        if step.verb in ("config", "configure") and not self.facts.fixed(step):
            return False
        if step.verb == "asserted" and not self._tells_pin(step):
            return False
        if not step.has("CONNECTION"):
            return not step.has("PROGRAM") or step.program in PROGRAMS
        if step.verb in ("left", "stale"):
            return (step.actor, step.connection) in self._left
        opens = step.verb in ("attach", "join", "request", "wide", "find")
        client = self.clients[step.actor].get(step.connection)
        if step.verb in ("read", "edges") and client and not self._has_known_data(client.region):
            return False
        if step.verb == "beyond":
            return client is not None and has_more_behind(client.region.pages)
        return (client is not None) != opens

    def _may_interrupt(self, step: Step) -> bool:
        """Whether a step about interrupts can be judged."""
        device = step.number("DEVICE")
        if step.verb == "listen":
            return self._may_listen(step)
        if step.verb in ("pin", "ones"):
            # An edge that came while the pin was off is lost.
            return self.facts.vdevs[step.actor][device].loc is None and self.profile.interrupt_shape == "level"
        return not self.devices[step.actor][device].due.waits

    def _may_listen(self, step: Step) -> bool:
        """Who masks a line must not have it in common with another device that listens, and any two may have one."""
        how, device = step.number("HOW"), step.number("DEVICE")
        others = {factory.due.how for number, factory in enumerate(self.devices[step.actor]) if number != device}
        by_line = others & {BY_LINE, LINE_MASKED}
        return how not in (BY_LINE, LINE_MASKED) or not by_line or LINE_MASKED not in (how, *by_line)

    def _may_abort(self, actor: str) -> bool:
        """Whether it is known what is left of a start that is broken off: nothing, or what was there before."""
        profile = self.facts.profile
        made = made_by(self.facts.vdevs[actor], profile)
        known = profile.keeps_created or made.isdisjoint(region.name for region in self.regions)
        return actor not in self.facts.refused and (not made or (profile.create_lifetime == "creating-qvm" and known))

    def _has_known_data(self, region: Region) -> bool:
        """A new region may have what one of its name had before (SHM-OPEN-26), until all of it is written."""
        return self.profile.new_content == "zeroed" or region.seed is not None

    def _tells_pin(self, step: Step) -> bool:
        """Whether the function's status register is known: where no handler may have read what is unread."""
        due = self.devices[step.actor][step.number("DEVICE")].due
        return bool(self.facts.header(step)) and due.how in (0, LINE_MASKED)

    def _leave(self, actor: str, connection: str) -> None:
        client = self.clients[actor].pop(connection)
        self._left |= {(actor, connection)}
        client.region.leave(client)
        self._end_unused(client.region, client.region.maker not in self.devices)

    def _end_unused(self, region: Region, made_by_the_dead: bool) -> None:
        """A region without clients may have come to its end (SHM-OPEN-25)."""
        ends = region.lifetime == "last-client" and region.given
        ends = ends or (region.lifetime == "creating-qvm" and made_by_the_dead)
        if ends and not region.clients and region in self.regions:
            self.regions.remove(region)

    def _region(self, name: str, pages: int | None = None) -> Region | None:
        by_size = pages and self.profile.size_mismatch == "separate"
        fitting = (one for one in self.regions if one.name == name and (not by_size or one.pages == pages))
        return next(fitting, None)

    def _made(self, name: str, pages: int, actor: str, mode: int | None, group: int = 0) -> Region:
        if pages == 0:
            raise Refused(Status.UNKNOWN_FAILURE)
        if pages > LARGEST:
            raise Refused(Status.NOMEM)
        region = Region(name, pages, actor, self.profile.region_lifetime, mode, group)
        self.regions.append(region)
        return region

    def _join(self, region: Region, actor: str, connection: str, device: int) -> Client:
        index = region.free_index(self.profile)
        if index is None:
            raise Refused(Status.CLIENT_MAX)
        taken = {client.window for client in self.clients[actor].values() if client.device == device}
        window = next(number for number in range(_HANDLES) if number not in taken)
        due = Due() if device == NO_DEVICE else self.devices[actor][device].due
        self._serial += 1
        client = Client(actor, connection, device, region, index, self._serial, window, due)
        region.join(client)
        self.clients[actor][connection] = client
        self._left -= {(actor, connection)}
        return client

    def _shmem(self, factory: Factory) -> int:
        """What the probe makes of the register: addresses are the hypervisor's own choice."""
        shown = factory.shown
        if shown is None:
            return 0
        if self.clients[shown.actor].get(shown.connection) is shown:
            return 1 + self.facts.handle(shown.actor, shown.connection)
        return _SHMEM_OLD
