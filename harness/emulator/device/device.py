# SPDX-License-Identifier: Apache-2.0
"""One ``vdev shmem``: a factory page, and a slot of the window for each connection that it has made.

Source of the behaviour: QNX Hypervisor User's Guide, "Factory and control pages", "Virtual registers (guest_shm.h)";
comments of the sample guest driver. What these leave open is read from the profile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from harness.emulator.device.access import reaches
from harness.emulator.device.factory import FactoryPage, word_at
from harness.emulator.device.interrupts import Interrupt
from harness.emulator.device.regions import Client, Region, Registry, RequestFailed
from harness.emulator.device.requests import Requests, Wanted
from harness.emulator.device.rules import Rules, as_text
from harness.emulator.window import NoAnswer, QemuEnded, Window, WindowBroken
from harness.narrow import present
from harness.paths import readable
from harness.shmem import registers as reg
from harness.shmem.config import ShmemVdev
from harness.shmem.profile import Profile
from harness.shmem.status import Status


@dataclass
class Slot:
    """A connection of this device: which client it is and how many pages the guest sees.

    ``number`` is the lowest one that no other connection has, whichever slot the region's size asks for.
    """

    client: Client
    pages: int
    number: int = 0


class SharedMemoryDevice:
    """The device behind the two kinds of register pages.

    ``bank_base`` returns the guest-physical address of a bank of the window. ``broken`` is called for what
    must end qvm. ``others`` are the devices of the same VM, this one among them.
    """

    def __init__(
        self,
        vdev: ShmemVdev,
        *,
        system: str,
        registry: Registry,
        window: Window,
        profile: Profile,
        vector: int,
        others: Sequence[SharedMemoryDevice],
    ) -> None:
        self.system = system
        self.window = window
        self.profile = profile
        self.interrupt = Interrupt(level=profile.interrupt_shape == "level")
        self.factory = FactoryPage(vector, profile)
        self.others = others
        self.slots: list[Slot | None] = [None] * len(window.places)
        self.bank_base: Callable[[int], int] = lambda _bank: 0
        self.broken: Callable[[str], None] = lambda _reason: None
        self._next_slot = 0
        self.requests = Requests(
            vdev,
            system=system,
            factory=self.factory,
            rules=Rules(vdev, profile),
            registry=registry,
            profile=profile,
            max_pages=window.max_pages,
            has_room=lambda pages: self.free_slot(pages) is not None,
            held_here=self.held,
            held_elsewhere=lambda: [region for other in others if other is not self for region in other.held()],
        )

    def held(self) -> list[Region]:
        """The regions of the open connections, by their numbers."""
        return [present(self.slots[slot]).client.region for slot in self._by_number()]

    def _by_number(self) -> list[int]:
        """The slots of the open connections, by the connections' numbers."""
        numbers = {slot.number: place for place, slot in enumerate(self.slots) if slot is not None}
        return [numbers[number] for number in sorted(numbers)]

    # --- factory page

    def load_factory(self, offset: int, length: int) -> bytes:
        """A read of the factory page."""
        if not reaches(self.factory.registers, offset, length, self.profile):
            return b"\xff" * length
        return self.factory.load(offset, length)

    def store_factory(self, offset: int, data: bytes) -> None:
        """A write to the factory page; what it triggers has happened when this returns."""
        if not reaches(self.factory.registers, offset, len(data), self.profile):
            return
        before = self.factory.size
        written = self.factory.store(offset, data)
        if "size" in written:
            self.request(lambda: self.connect(self.requests.open()), before)
        if "find" in written:
            self.request(self.find, before)

    def request(self, action: Callable[[], DeviceSlot], size_before: int) -> None:
        """Perform a request and leave its result in the registers."""
        try:
            device, number = action()
        except RequestFailed as refusal:
            self.failed(refusal.status, size_before)
            return
        slot = present(device.slots[number])
        self.factory.status = Status.OK
        self.factory.size = slot.pages
        self.factory.shmem = device.address(number)
        if self.profile.name_readback == "host-name":
            self.factory.set_name(slot.client.region.name)

    def failed(self, status: Status, size_before: int) -> None:
        """Registers after a request that failed (SHM-OPEN-19)."""
        self.factory.status = status
        if self.profile.failed_size != "requested":
            self.factory.size = 0 if self.profile.failed_size == "zero" else size_before
        if self.profile.failed_shmem == "zero":
            self.factory.shmem = 0

    def connect(self, wanted: Wanted) -> DeviceSlot:
        """Become a client of the region and show its data in a free slot, or take the one that shows it already.

        Raises RequestFailed.
        """
        region = wanted.region
        if not wanted.again:
            return next(
                (device, number) for device in (self, *self.others) if (number := device.slot_of(region)) is not None
            )
        chosen = self.free_slot(region.pages)
        if chosen is None:
            raise RequestFailed(Status.NOMEM)
        client = region.add(self.system, partial(self.interrupt.changed, chosen))
        self._next_slot = (chosen + 1) % len(self.slots)
        client.signalled_again = self.interrupt.signalled_again
        taken = {other.number for other in self.slots if other is not None}
        slot = Slot(client, region.pages, next(number for number in range(len(self.slots)) if number not in taken))
        self.slots[chosen] = slot
        try:
            self.show(chosen, slot)
        except WindowBroken as error:
            self.slots[chosen] = None
            client.detach()
            if isinstance(error, NoAnswer):
                # The region may appear yet.
                self.broken(f"vdev shmem: cannot show a region: {error}")
            raise RequestFailed(Status.UNKNOWN_FAILURE) from error
        return self, chosen

    def slot_of(self, region: Region) -> int | None:
        """The slot of this device that shows the region."""
        numbers = (number for number, slot in enumerate(self.slots) if slot and slot.client.region is region)
        return next(numbers, None)

    def address(self, number: int) -> int:
        """The guest-physical address of a slot's control page."""
        place = self.window.places[number]
        return self.bank_base(place.bank) + place.offset

    def free_slot(self, pages: int) -> int | None:
        """A slot without a connection that holds so many pages (SHM-OPEN-23: the lowest, or the next one in turn)."""
        start = self._next_slot if self.profile.window_reuse == "round-robin" else 0
        order = [*range(start, len(self.slots)), *range(start)]
        return next(
            (number for number in order if self.slots[number] is None and self.window.room(number) >= pages), None
        )

    def find(self) -> DeviceSlot:
        """The slot of the region that ``find`` selects, connected where a find attaches. Raises RequestFailed."""
        region = self.requests.find()
        if self.profile.find == "own-connections":
            # A device may have several connections to one region, each with a number of its own.
            return self, self._by_number()[self.factory.find]
        number = self.slot_of(region)
        if number is not None:
            return self, number
        if self.profile.find_attaches != "attaches":
            raise RequestFailed(Status.DOES_NOT_EXIST)
        # The guest asks for no size. All else is as at an attach.
        self.requests.check_attach(region, region.pages)
        return self.connect(Wanted(region, self.requests.connects_again(region)))

    def report(self) -> str:
        """The device's connections in one line."""
        connections = [
            f"'{readable(as_text(slot.client.region.name))}' as index {slot.client.index}, {slot.pages} pages, "
            f"status {slot.client.status():#010x}"
            for slot in self.slots
            if slot is not None
        ]
        return "; ".join(connections) or "no connection"

    # --- data pages

    def show(self, number: int, slot: Slot) -> None:
        """Let the guest see the data pages of the region, not one more. Raises WindowBroken."""
        self.window.show(number, slot.client.region.fd, slot.pages)

    def conceal(self, number: int, slot: Slot) -> None:
        """Put private memory where the region was."""
        fill = 0xFF if self.profile.detached_window == "ones" else 0
        try:
            self.window.hide(number, slot.pages, fill)
        except QemuEnded:
            return
        except WindowBroken as error:
            # The guest could still reach a region that it has left.
            self.broken(f"vdev shmem: cannot take a region away: {error}")

    # --- control pages

    def load_control(self, number: int, offset: int, length: int) -> bytes:
        """A read of the control page of a slot; without a connection it reads as ones (SHM-OPEN-23)."""
        slot = self.slots[number]
        if slot is None or not reaches(reg.CONTROL, offset, length, self.profile):
            return b"\xff" * length
        page = self.status_word(number, slot, offset).to_bytes(4, "little") + self.index(slot).to_bytes(4, "little")
        return page[offset : offset + length].ljust(length, b"\0")

    def status_word(self, number: int, slot: Slot, offset: int) -> int:
        """The status word; an access that touches it takes the signals and quiets the interrupt."""
        if offset >= reg.CONTROL_STATUS_OFFSET + 4:
            return slot.client.status()
        self.interrupt.read(number)
        return slot.client.take_status()

    def index(self, slot: Slot) -> int:
        """What ``idx`` reads."""
        return slot.client.index

    def store_control(self, number: int, offset: int, data: bytes) -> None:
        """A write to the control page of a slot; without a connection it is ignored (SHM-OPEN-23)."""
        slot = self.slots[number]
        if slot is None or not reaches(reg.CONTROL, offset, len(data), self.profile):
            return
        mask = word_at(reg.CONTROL_NOTIFY_OFFSET, offset, data)
        if mask is not None:
            slot.client.notify(mask)
        if offset < reg.CONTROL_DETACH_OFFSET + 4 and offset + len(data) > reg.CONTROL_DETACH_OFFSET:
            self.disconnect(number)

    def disconnect(self, number: int) -> None:
        """Leave the region and take its data away from the guest; harmless for a slot without a connection."""
        slot = self.slots[number]
        if slot is None:
            return
        self.slots[number] = None
        self.interrupt.read(number)
        self.conceal(number, slot)
        slot.client.detach()

    def reset(self) -> None:
        """A reset of the device or of its machine: all connections end."""
        for number in range(len(self.slots)):
            self.disconnect(number)
        self.factory.reset()


DeviceSlot = tuple[SharedMemoryDevice, int]
"""A slot: its device and its number there. Another vdev of the VM can hold the connection (SHM-OPEN-24)."""
