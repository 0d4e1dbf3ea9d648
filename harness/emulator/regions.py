# SPDX-License-Identifier: Apache-2.0
"""The host's registry of shared-memory regions and their clients.

One registry serves the whole host: guests' devices and host programs are clients of the same kind (QNX Hypervisor 8.0
User's Guide, "Memory sharing"; facts file section 4). The data of a region is an anonymous memory file, so nothing is
left behind when the host's process ends, however it ends.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from harness.shmem.registers import MAX_CLIENTS, PAGE_SIZE
from harness.shmem.status import Status


class Refused(Exception):
    """A request that ends with this status code in the factory page."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.name)
        self.status = status


@dataclass(eq=False)
class Client:
    """One connection to a region. ``pending`` has bit *i* set when client *i* has signalled since the last read."""

    region: Region
    index: int
    owner: str
    changed: Callable[[], None]
    pending: int = 0

    def status(self) -> int:
        """The status word: who has signalled in the low half, who is connected in the high half."""
        return self.region.members() << 16 | self.pending

    def take_status(self) -> int:
        """The status word, and the signals are taken: a read of ``status`` clears them."""
        word = self.status()
        self.pending = 0
        return word

    def notify(self, mask: int) -> None:
        """Signal the clients whose bits are set; all ones means everybody else."""
        self.region.signal(self, mask)

    def detach(self) -> None:
        """Leave the region; harmless the second time."""
        self.region.remove(self)


@dataclass(eq=False)
class Region:
    """A region by its name on the host; ``pages`` of 4 KiB. Slots of ``clients`` are the client indices."""

    name: str
    pages: int
    fd: int
    mode: int
    group: int
    kept: bool
    registry: Registry
    clients: list[Client | None] = field(default_factory=lambda: [None] * MAX_CLIENTS)

    def members(self) -> int:
        """Bit *i* is set while client *i* is connected."""
        return sum(1 << client.index for client in self.connected())

    def connected(self) -> Iterator[Client]:
        """The clients, by index."""
        return (client for client in self.clients if client is not None)

    def add(self, owner: str, changed: Callable[[], None]) -> Client:
        """A new client at the index that is free; Refused with CLIENT_MAX when there is none.

        ``changed`` is called whenever the status word of the new client changes by the doing of another one.
        """
        index = self.free_index()
        if index is None:
            raise Refused(Status.CLIENT_MAX)
        client = Client(self, index, owner, changed)
        self.clients[index] = client
        self.tell_others(client)
        return client

    def free_index(self) -> int | None:
        """The index of the next client (lowest free: the reading that the two observed indices fit, OPEN-20)."""
        return next((index for index, client in enumerate(self.clients) if client is None), None)

    def remove(self, client: Client) -> None:
        """Take the client out and tell the others; the last one takes the region along unless it is kept."""
        if self.clients[client.index] is not client:
            return
        self.clients[client.index] = None
        self.tell_others(client)
        self.registry.drop_unused(self)

    def tell_others(self, origin: Client) -> None:
        """The member set has changed: the status word of everybody else is another one now."""
        for client in self.connected():
            if client is not origin:
                client.changed()

    def signal(self, sender: Client, mask: int) -> None:
        """Set the sender's bit at each connected client that the mask selects.

        All ones is everyone but the sender; otherwise the low 16 bits select, the sender included when its own bit is
        set (sample driver comments; OPEN-21).
        """
        for client in self.selected(sender, mask):
            self.deliver(sender, client)

    def selected(self, sender: Client, mask: int) -> list[Client]:
        """The connected clients that a write of ``mask`` to ``notify`` means."""
        if mask == 0xFFFFFFFF:
            return [client for client in self.connected() if client is not sender]
        return [client for client in self.connected() if mask >> client.index & 1]

    def deliver(self, sender: Client, client: Client) -> None:
        """One signal. Signals of one sender merge until they are read, and only a change is told."""
        bit = 1 << sender.index
        if not client.pending & bit:
            client.pending |= bit
            client.changed()


class Registry:
    """All regions of the host, by host-side name."""

    def __init__(self) -> None:
        self._regions: dict[str, Region] = {}

    def __iter__(self) -> Iterator[Region]:
        return iter(list(self._regions.values()))

    def get(self, name: str) -> Region | None:
        """The region of this host-side name."""
        return self._regions.get(name)

    def create(self, name: str, pages: int, *, mode: int = 0o666, group: int = -1, kept: bool = False) -> Region:
        """A new region of ``pages`` pages filled with zeros. A ``kept`` one outlives its last client.

        Raises Refused: UNKNOWN_FAILURE for a region without pages, NOMEM when the host cannot have it.
        """
        if pages == 0:
            raise Refused(Status.UNKNOWN_FAILURE)
        region = Region(name, pages, allocate(name, pages), mode, group if group >= 0 else os.getegid(), kept, self)
        self._regions[name] = region
        return region

    def drop_unused(self, region: Region) -> None:
        """Forget the region if it has no client and is not kept (OPEN-25: it lives as long as its last client)."""
        if not region.kept and not any(region.connected()):
            self.drop(region)

    def drop(self, region: Region) -> None:
        """Forget the region and give its memory back."""
        if self._regions.pop(region.name, None) is region:
            os.close(region.fd)

    def close(self) -> None:
        """Drop every region; for the end of the host."""
        for region in self:
            self.drop(region)


def allocate(name: str, pages: int) -> int:
    """A memory file of ``pages`` pages; Refused with NOMEM when the host cannot have it."""
    if pages * PAGE_SIZE > os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"):
        raise Refused(Status.NOMEM)
    try:
        fd = os.memfd_create(f"shmem:{name}", os.MFD_CLOEXEC)
    except OSError as error:
        raise Refused(Status.NOMEM) from error
    try:
        os.ftruncate(fd, pages * PAGE_SIZE)
    except OSError as error:
        os.close(fd)
        raise Refused(Status.NOMEM) from error
    return fd
