# SPDX-License-Identifier: Apache-2.0
"""What the reference model keeps: regions and their clients, factory pages, interrupts that are due."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field, replace
from typing import Final

from harness.replay.script import as_text
from harness.shmem.profile import Profile
from harness.shmem.registers import MAX_CLIENTS, NAME_SIZE, NOTIFY_ALL_OTHERS, STATUS_MEMBERS_SHIFT
from harness.shmem.status import Status

MARK: Final = 0x5EED << 48
_SEED_SHIFT: Final = 24
SEED_MASK: Final = (1 << _SEED_SHIFT) - 1
NO_DEVICE: Final = -1
BY_LINE: Final = 1
BY_MESSAGE: Final = 2
MESSAGES_ALONE: Final = 3
LINE_MASKED: Final = 4
"""How a device that listens is interrupted. With the last two its handler counts, and leaves the status unread; with
the last one it masks the line as well, as a driver does whose program reads the status later."""
GROUPS: Final = (4242, 4242 + (1 << 16), 255, 256, (1 << 31) - 2)
"""Owner groups of regions in systems that are drawn; a part of the bits does not tell them apart."""


def known_group(group: int | str | None) -> int:
    """The number of an owner group that is one of a drawn system; 0 for any other, which is the host's own matter."""
    return next((known for known in GROUPS if str(known) == str(group)), 0)


@dataclass(eq=False)
class Due:
    """Interrupts of a device that listens: since they were last counted, at least ``least`` for ``most`` changes.

    ``how`` is that of the step ``listen``; ``off`` says that the guest has switched the interrupt pin off.
    """

    how: int = 0
    least: int = 0
    most: int = 0
    off: bool = False

    @property
    def waits(self) -> bool:
        """Whether what is due comes when the pin is on again."""
        return self.off and self.how in (BY_LINE, LINE_MASKED)

    @property
    def reads(self) -> bool:
        """Whether a handler reads the status at some time."""
        return self.how in (BY_LINE, BY_MESSAGE)

    def change(self) -> None:
        """A status word that the device shows has changed."""
        if self.how:
            self.least, self.most = 1, self.most + 1

    def start(self, how: int) -> None:
        """Listen, or end to."""
        self.how, self.least, self.most = how, 0, 0

    def counted(self) -> None:
        """They have been counted."""
        self.least = self.most = 0


@dataclass(eq=False)
class Client:
    """A connection of ``actor``, by the device with this number of a guest.

    ``pending`` is what the device has still to tell, ``taken`` what an interrupt handler of the guest may have taken
    from it already; ``unread`` says that the word has changed since a read of it. ``serial`` tells connections of one
    name apart. ``sets`` are the member sets since the guest's own
    last look, the current one among them, and ``old_sets`` those up to the last count of interrupts: a handler cannot
    tell one of those from what it has seen before. ``signalled`` says that a signal has come since that count.
    """

    actor: str
    connection: str
    device: int
    region: Region
    index: int
    serial: int
    window: int
    due: Due
    pending: int = 0
    taken: int = 0
    unread: bool = False
    pulses: int = 0
    sets: frozenset[int] = frozenset()
    old_sets: frozenset[int] = frozenset()
    signalled: bool = False

    @property
    def explains(self) -> bool:
        """Whether a handler must have found something new in the status word since interrupts were counted."""
        return self.signalled or self.region.members not in self.old_sets

    def counted(self) -> None:
        """The interrupts of the device have been counted."""
        self.signalled, self.old_sets = False, self.sets

    def change(self) -> None:
        """The status word is another one, by somebody else's doing or by an own signal."""
        self.pulses += 1
        self.unread = True
        self.due.change()

    def word(self) -> int:
        """The status word as the device shows it."""
        return self.region.members << STATUS_MEMBERS_SHIFT | self.pending

    def hear(self) -> int:
        """The status word with all signals since the last read, which this read takes."""
        word = self.word() | self.taken
        self.pending = self.taken = 0
        self._looked()
        return word

    def _looked(self) -> None:
        self.signalled = self.unread = False
        self.sets = self.old_sets = frozenset({self.region.members})

    def listened(self) -> None:
        """The guest begins or ends to listen: its handler, or who prepares that, reads the status."""
        self.taken |= self.pending
        self.pending = 0
        self._looked()


@dataclass(eq=False)
class Region:
    """A region of the host. ``lifetime`` is the reading of SHM-OPEN-25 that counts for it, ``maker`` who made it.

    ``group`` is 0 for any but the groups that systems are drawn with.
    """

    name: str
    pages: int
    maker: str
    lifetime: str
    mode: int | None
    group: int = 0
    clients: dict[int, Client] = field(default_factory=dict)
    kept: dict[int, int] = field(default_factory=dict)
    given: int = 0
    last: int = -1
    seed: int | None = None
    met: int = 0
    words: dict[int, int] = field(default_factory=dict)

    def copy(self) -> Region:
        """The same, for another continuation; its clients are still the old ones."""
        return replace(self, kept=dict(self.kept), words=dict(self.words))

    @property
    def members(self) -> int:
        """Bit i for client i."""
        return sum(1 << index for index in self.clients)

    def free_index(self, profile: Profile) -> int | None:
        """The index that the next client gets (SHM-OPEN-20)."""
        free = [index for index in range(MAX_CLIENTS) if index not in self.clients]
        if profile.index_reuse == "round-robin":
            free.sort(key=lambda index: (index - self.last - 1) % MAX_CLIENTS)
        elif profile.index_reuse == "never-until-full" and self.given < MAX_CLIENTS:
            return self.given
        return free[0] if free else None

    def join(self, client: Client) -> None:
        """A new client, of whom all others learn."""
        client.pending = self.kept.pop(client.index, 0)
        self.clients[client.index] = client
        self._tell_of(client)
        self.given, self.last = self.given + 1, client.index

    def leave(self, client: Client) -> None:
        """A client goes, of which all others learn."""
        del self.clients[client.index]
        self._tell_of(client)

    def _tell_of(self, client: Client) -> None:
        """The member set is another one for all others."""
        for other in self.clients.values():
            if other is not client:
                other.sets |= {self.members}
                other.change()

    def notify(self, sender: Client, mask: int, profile: Profile) -> None:
        """What a store to ``notify`` does."""
        others = mask == NOTIFY_ALL_OTHERS
        if profile.notify_high_bits == "drops-all" and mask >> MAX_CLIENTS and not others:
            return
        own = profile.notify_own_bit == "signals" and not others
        for index in range(MAX_CLIENTS):
            client = self.clients.get(index)
            if not mask >> index & 1 or (client is sender and not own):
                continue
            if client is None:
                if profile.notify_idle == "kept" and not others:
                    self.kept[index] = self.kept.get(index, 0) | 1 << sender.index
            else:
                self._signal(client, 1 << sender.index, profile)

    def _signal(self, client: Client, bit: int, profile: Profile) -> None:
        new = not client.pending & bit
        client.pending |= bit
        if client.due.reads:
            # Its handler may have read the status by now, or not.
            client.taken, client.pending, new = client.taken | client.pending, 0, True
        if profile.interrupt_on == "every-event" or (profile.interrupt_on == "status-change" and new):
            client.signalled = True
            client.change()

    # The first and the last word of each page.

    def mark(self, seed: int) -> None:
        """Write the marks of this seed."""
        self.seed, self.words = seed & SEED_MASK, {}

    def edge(self, number: int) -> int:
        """The word: that of page n has number 2n at its beginning and 2n+1 at its end."""
        if number in self.words or self.seed is None:
            return self.words.get(number, 0)
        return MARK | self.seed << _SEED_SHIFT | number

    def edges(self) -> int:
        """The checksum of these words."""
        count = 2 * self.pages
        return zlib.crc32(struct.pack(f"<{count}Q", *(self.edge(number) for number in range(count))))


@dataclass(eq=False)
class Factory:
    """The registers of a factory page; ``shown`` is the connection that ``shmem`` announces."""

    vector: int
    status: int
    size: int = 0
    name: bytes = bytes(NAME_SIZE)
    flags: int = 0
    shown: Client | None = None
    due: Due = field(default_factory=Due)

    @classmethod
    def fresh(cls, vector: int, profile: Profile) -> Factory:
        """As it is when the guest starts (SHM-OPEN-19)."""
        return cls(vector, Status[profile.initial_status])

    def store_name(self, data: bytes, offset: int = 0) -> None:
        """Bytes of the name register."""
        self.name = (self.name[:offset] + data + self.name[offset + len(data) :])[:NAME_SIZE]

    def guest_name(self) -> str:
        """The name as a request takes it: up to a NUL."""
        return as_text(self.name.partition(b"\0")[0])

    def flags_read(self, profile: Profile) -> int:
        """What a load of ``flags`` gives: where nothing but registers may be read, ones in a release without it."""
        if profile.flags == "absent" and profile.access_widths == "natural":
            return 0xFFFF_FFFF
        return self.flags if profile.flags_access == "read-write" else 0
