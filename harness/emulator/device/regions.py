# SPDX-License-Identifier: Apache-2.0
"""The host's registry of shared-memory regions and their clients.

One registry serves the whole host: guests' devices and host programs are clients of the same kind (QNX Hypervisor 8.0
User's Guide, "Memory sharing"; names in the host header hyp_shm.h). The data of a region is an anonymous memory file,
so nothing is left behind when the host's process ends, however it ends.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from harness.emulator import shortages
from harness.shmem.profile import Profile
from harness.shmem.registers import MAX_CLIENTS, NOTIFY_ALL_OTHERS, PAGE_SIZE
from harness.shmem.status import Status

DEFAULT_MODE: Final = 0o666
"""Permissions of a region when no others are requested (QNX Hypervisor 8.0 User's Guide, "vdev shmem", create)."""

_BLOCK: Final = 512
"""Bytes of what ``st_blocks`` counts (stat, inode(7))."""


class RequestFailed(Exception):
    """A request that ends with this status code in the factory page."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.name)
        self.status = status


@dataclass(eq=False)
class Client:
    """One connection to a region. ``pending`` has bit *i* set when client *i* has signalled since the last read.

    ``changed`` is called when the status word changes but by its own reads, ``signalled_again`` for a signal that
    changes nothing, because an earlier one has not been read.
    """

    region: Region
    index: int
    owner: str
    changed: Callable[[], None]
    pending: int = 0
    signalled_again: Callable[[], None] = lambda: None

    def status(self) -> int:
        """The status word: who has signalled in the low half, who is connected in the high half."""
        return self.region.members() << 16 | self.pending

    def take_status(self) -> int:
        """The status word, and the signals are taken: a read of ``status`` clears them."""
        word = self.status()
        self.pending = 0
        return word

    def notify(self, mask: int) -> None:
        """Signal the clients that the mask selects."""
        self.region.signal(self, mask)

    def detach(self) -> None:
        """Leave the region; harmless the second time."""
        self.region.remove(self)


@dataclass(eq=False)
class Region:
    """A region by its name on the host; ``pages`` of 4 KiB.

    ``creator`` is the VM that made it. ``lifetime`` is a reading of SHM-OPEN-25; ``visited``: whether it ever had
    a client, ``given`` how many, ``last`` the index of the latest.
    """

    name: str
    pages: int
    fd: int
    mode: int
    group: int
    creator: str
    lifetime: str
    registry: Registry
    clients: list[Client | None] = field(default_factory=lambda: [None] * MAX_CLIENTS)
    kept_signals: dict[int, int] = field(default_factory=dict)
    given: int = 0
    last: int = -1
    visited: bool = False

    @property
    def profile(self) -> Profile:
        """The readings of the host's open questions."""
        return self.registry.profile

    # --- members

    def connected(self) -> Iterator[Client]:
        """The clients, by index."""
        return (client for client in self.clients if client is not None)

    def members(self) -> int:
        """Bit *i* is set while client *i* is connected."""
        return sum(1 << client.index for client in self.connected())

    def add(self, owner: str, changed: Callable[[], None]) -> Client:
        """A new client. Raises RequestFailed (CLIENT_MAX) when every index is taken.

        ``changed`` is called whenever the status word of the new client changes but by its own reads.
        """
        index = self.free_index()
        if index is None:
            raise RequestFailed(Status.CLIENT_MAX)
        client = Client(self, index, owner, changed, self.kept_signals.pop(index, 0))
        self.clients[index] = client
        self.given += 1
        self.last = index
        self.visited = True
        self.notify_others(client)
        return client

    def free_index(self) -> int | None:
        """The index of the next client (SHM-OPEN-20)."""
        start = 0
        if self.profile.index_reuse == "round-robin":
            start = (self.last + 1) % MAX_CLIENTS
        elif self.profile.index_reuse == "never-until-full" and self.given < MAX_CLIENTS:
            start = self.given
        order = [*range(start, MAX_CLIENTS), *range(start)]
        return next((index for index in order if self.clients[index] is None), None)

    def remove(self, client: Client) -> None:
        """Remove the client and notify the others; the region may end with it."""
        if self.clients[client.index] is not client:
            return
        self.clients[client.index] = None
        self.notify_others(client)
        self.registry.drop_unused(self)

    def notify_others(self, origin: Client) -> None:
        """The member set has changed, and so has the status word of everybody else."""
        for client in self.connected():
            if client is not origin:
                client.changed()

    # --- signals

    def signal(self, sender: Client, mask: int) -> None:
        """Set the sender's bit at each client that the mask selects."""
        if self.profile.notify_high_bits == "drops-all" and mask >> MAX_CLIENTS and mask != NOTIFY_ALL_OTHERS:
            return
        for client in self.selected(sender, mask):
            self.deliver(sender, client)
        if self.profile.notify_idle == "kept" and mask != NOTIFY_ALL_OTHERS:
            self.keep(sender, mask)

    def selected(self, sender: Client, mask: int) -> list[Client]:
        """The connected clients that a write of ``mask`` to ``notify`` means.

        All ones is everyone but the sender (sample driver); otherwise bit *i* is client *i*, the sender's own included
        (SHM-OPEN-21).
        """
        if mask == NOTIFY_ALL_OTHERS:
            return [client for client in self.connected() if client is not sender]
        chosen = [client for client in self.connected() if mask >> client.index & 1]
        if self.profile.notify_own_bit == "ignored":
            chosen = [client for client in chosen if client is not sender]
        return chosen

    def deliver(self, sender: Client, client: Client) -> None:
        """One signal. Signals of one sender merge until they are read; what is signalled then is SHM-OPEN-22."""
        word = client.pending
        client.pending |= 1 << sender.index
        if self.profile.interrupt_on == "every-event":
            client.changed()
        elif self.profile.interrupt_on == "status-change":
            if client.pending != word:
                client.changed()
            else:
                client.signalled_again()

    def keep(self, sender: Client, mask: int) -> None:
        """Remember signals to unused indices."""
        for index in range(MAX_CLIENTS):
            if mask >> index & 1 and self.clients[index] is None:
                self.kept_signals[index] = self.kept_signals.get(index, 0) | 1 << sender.index


class Registry:
    """All regions of the host. A name has one region, except where another size makes another one (SHM-OPEN-12)."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.lives: Callable[[str], bool] = lambda _system: True
        """Whether the VM of that name is there; the host knows."""
        self._regions: list[Region] = []
        self._remains: dict[str, tuple[int, int]] = {}
        """Memory of regions that are gone and its pages in use, by their names, the oldest first (SHM-OPEN-26)."""
        self._kept_pages = 0

    def __iter__(self) -> Iterator[Region]:
        return iter(list(self._regions))

    def find(self, name: str, pages: int | None = None) -> Region | None:
        """The region of this host-side name, and of this size (0: any) where the size belongs to the name."""
        by_size = pages and self.profile.size_mismatch == "separate"
        candidates = (region for region in self._regions if region.name == name)
        return next((region for region in candidates if not by_size or region.pages == pages), None)

    def create(
        self, name: str, pages: int, *, creator: str, lifetime: str, mode: int = DEFAULT_MODE, group: int | None = None
    ) -> Region:
        """A new region of ``pages`` zeroed pages (SHM-OPEN-26). Raises RequestFailed (NOMEM) when there is no room."""
        self.check_share(creator, pages)
        fd = self.content(name, pages)
        group = os.getegid() if group is None else group
        region = Region(name, pages, fd, mode, group, creator, lifetime, self)
        self._regions.append(region)
        return region

    def check_share(self, creator: str, pages: int) -> None:
        """Whether a VM may have another region: it never takes more than half of what the others leave.

        Regions that outlast their clients would let one guest use up the descriptors and the memory of the host.
        Raises RequestFailed.
        """
        own = [region.pages for region in self._regions if region.creator == creator]
        others = [region.pages for region in self._regions if region.creator != creator]
        fits = len(own) + 1 <= (_most_regions() - len(self._remains) - len(others)) // 2
        if not fits or sum(own) + pages > (_most_pages() - self._kept_pages - sum(others)) // 2:
            shortages.note_share(f"{creator} has {len(own)} regions of {sum(own)} pages, and wants {pages} more")
            raise RequestFailed(Status.NOMEM)

    def content(self, name: str, pages: int) -> int:
        """The memory of a new region."""
        remains = self._remains_of(name)
        return allocate(pages) if remains is None else _resized(remains, pages)

    def _remains_of(self, name: str) -> int | None:
        """What is kept of the region that had this name, and not any longer."""
        fd, used = self._remains.pop(name, (None, 0))
        self._kept_pages -= used
        return fd

    def drop_unused(self, region: Region) -> None:
        """Forget the region if it has outlived its reading of SHM-OPEN-25."""
        if any(region.connected()) or not region.visited:
            return
        orphaned = region.lifetime == "creating-qvm" and not self.lives(region.creator)
        if region.lifetime == "last-client" or orphaned:
            self.drop(region)

    def ended(self, system: str) -> None:
        """A VM has ended: remove its regions that have no clients, if their lifetime says so."""
        for region in self:
            if region.creator == system and region.lifetime == "creating-qvm" and not any(region.connected()):
                self.drop(region)

    def drop(self, region: Region) -> None:
        """Forget the region and give its memory back."""
        if region not in self._regions:
            return
        self._regions.remove(region)
        if self.profile.new_content != "stale":
            os.close(region.fd)
            return
        self._forget_content(region.name)
        used = os.fstat(region.fd).st_blocks * _BLOCK // PAGE_SIZE
        self._remains[region.name] = region.fd, used
        self._kept_pages += used
        # A guest makes and leaves regions without an end; what was left longest ago goes.
        while len(self._remains) > _most_regions() // 4 or self._kept_pages > _most_pages() // 4:
            self._forget_content(next(iter(self._remains)))

    def _forget_content(self, name: str) -> None:
        if (fd := self._remains_of(name)) is not None:
            os.close(fd)

    def close(self) -> None:
        """Drop everything; for the end of the host."""
        for region in self:
            self.drop(region)
        for name in list(self._remains):
            self._forget_content(name)


def _most_regions() -> int:
    """Regions that this process can hold, and still do all else."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] * 3 // 4


def _most_pages() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // PAGE_SIZE


def allocate(pages: int) -> int:
    """A memory file of ``pages`` pages. Raises RequestFailed (NOMEM) when the host cannot have it."""
    if pages * PAGE_SIZE > os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"):
        raise RequestFailed(Status.NOMEM)
    try:
        fd = os.memfd_create("shmem-region", os.MFD_CLOEXEC)
    except OSError as error:
        shortages.note(error, "a region's memory")
        raise RequestFailed(Status.NOMEM) from error
    return _resized(fd, pages)


def _resized(fd: int, pages: int) -> int:
    """The memory file with ``pages`` pages. It is closed when the host cannot have it: raises RequestFailed (NOMEM)."""
    try:
        os.ftruncate(fd, pages * PAGE_SIZE)
    except OSError as error:
        shortages.note(error, f"a region of {pages} pages")
        os.close(fd)
        raise RequestFailed(Status.NOMEM) from error
    return fd
