# SPDX-License-Identifier: Apache-2.0
"""One ``vdev shmem``: a factory page, and a slot of the window for each connection that it has made.

Source of the behaviour: QNX Hypervisor User's Guide, "vdev shmem", "Factory and control pages", "Virtual registers
(guest_shm.h)"; comments of the sample guest driver. What these leave open is read from the profile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.emulator.device.factory import FactoryPage
from harness.emulator.regions import Client, Refused, Region, Registry
from harness.emulator.rules import Rules, as_bytes
from harness.emulator.window import Window, WindowBroken
from harness.shmem import registers as reg
from harness.shmem.config import Create, ShmemVdev, Subst
from harness.shmem.profile import Profile
from harness.shmem.status import Status


@dataclass
class Slot:
    """A connection of this device: which client it is and how many pages the guest sees."""

    client: Client
    pages: int


class SharedMemoryDevice:
    """The device behind the two kinds of register pages. Calls ``interrupt`` at each change of a status word."""

    def __init__(
        self,
        vdev: ShmemVdev,
        *,
        owner: str,
        registry: Registry,
        window: Window,
        profile: Profile,
        vector: int,
        interrupt: Callable[[], None],
    ) -> None:
        self.vdev = vdev
        self.owner = owner
        self.registry = registry
        self.window = window
        self.profile = profile
        self.rules = Rules(vdev, profile)
        self.factory = FactoryPage(vector)
        self.slots: list[Slot | None] = [None] * (window.size // window.slot_size)
        self.window_base: Callable[[], int] = lambda: 0
        """Guest-physical address of the window; the placement knows it."""
        self._interrupt = interrupt

    # --- factory page

    def load_factory(self, offset: int, length: int) -> bytes:
        """A read of the factory page."""
        return self.factory.load(offset, length)

    def store_factory(self, offset: int, data: bytes) -> None:
        """A write to the factory page; what it triggers has happened when this returns."""
        triggers = self.factory.store(offset, data)
        if "size" in triggers:
            self.request(self.connect)

    def request(self, action: Callable[[], tuple[int, Slot]]) -> None:
        """Perform a request and leave its result in the registers."""
        try:
            number, slot = action()
        except Refused as refusal:
            self.factory.status = refusal.status
            return
        self.factory.status = Status.OK
        self.factory.size = slot.pages
        self.factory.shmem = self.window_base() + number * self.window.slot_size

    def connect(self) -> tuple[int, Slot]:
        """Create or attach the region that ``name`` and ``size`` ask for. Raises Refused."""
        guest_name = self.legal_name(self.factory.requested_name())
        if not self.rules.permits(guest_name):
            raise Refused(self.rules.denied)
        return self.occupy(self.open(self.rules.host_name(guest_name)))

    @staticmethod
    def legal_name(name: bytes | None) -> str:
        """The name as text; Refused with ILLEGAL_NAME when it is empty or not terminated (OPEN-16)."""
        if not name:
            raise Refused(Status.ILLEGAL_NAME)
        return name.decode("latin-1")

    def open(self, host_name: str) -> Region:
        """The region of this host-side name, made with the requested size if it is new."""
        region = self.registry.get(host_name)
        if region is None:
            if self.factory.size > self.window.max_pages:
                raise Refused(Status.NOMEM)
            region = self.registry.create(host_name, self.factory.size)
        elif region.pages > self.window.max_pages:
            raise Refused(Status.NOMEM)
        return region

    def occupy(self, region: Region) -> tuple[int, Slot]:
        """Become a client of the region and show its data in a free slot."""
        number = self.free_slot()
        if number is None:
            self.registry.drop_unused(region)
            raise Refused(Status.NOMEM)
        client = region.add(self.owner, self._interrupt)
        slot = Slot(client, region.pages)
        try:
            self.window.show(number, region.fd, self.visible_pages(slot))
        except WindowBroken as error:
            client.detach()
            raise Refused(Status.UNKNOWN_FAILURE) from error
        self.slots[number] = slot
        return number, slot

    def free_slot(self) -> int | None:
        """The lowest slot without a connection."""
        return next((number for number, slot in enumerate(self.slots) if slot is None), None)

    @staticmethod
    def visible_pages(slot: Slot) -> int:
        """How many data pages the guest sees: those of the region, not one more."""
        return slot.pages

    # --- control pages

    def load_control(self, number: int, offset: int, length: int) -> bytes:
        """A read of the control page of a slot; without a connection it reads as ones (OPEN-23)."""
        slot = self.slots[number]
        if slot is None:
            return b"\xff" * length
        client = slot.client
        word = client.take_status() if offset < reg.CONTROL_STATUS_OFFSET + 4 else client.status()
        page = word.to_bytes(4, "little") + client.index.to_bytes(4, "little")
        return page[offset : offset + length].ljust(length, b"\0")

    def store_control(self, number: int, offset: int, data: bytes) -> None:
        """A write to the control page of a slot; without a connection it is ignored (OPEN-23)."""
        slot = self.slots[number]
        if slot is None:
            return
        if (mask := _word_at(reg.CONTROL_NOTIFY_OFFSET, offset, data)) is not None:
            slot.client.notify(mask)
        if offset < reg.CONTROL_DETACH_OFFSET + 4 and offset + len(data) > reg.CONTROL_DETACH_OFFSET:
            self.disconnect(number)

    def disconnect(self, number: int) -> None:
        """Leave the region and take its data away from the guest; harmless for a slot without a connection."""
        slot = self.slots[number]
        if slot is None:
            return
        self.slots[number] = None
        self.conceal(number, slot)
        slot.client.detach()

    def conceal(self, number: int, slot: Slot) -> None:
        """Put private memory where the region was."""
        try:
            self.window.hide(number, slot.pages)
        except WindowBroken:
            # QEMU is gone, and the mapping with it.
            return

    # --- the virtual machine

    def reset(self) -> None:
        """A reset of the device or of its machine: all connections end."""
        for number in range(len(self.slots)):
            self.disconnect(number)
        self.factory.reset()

    def create_configured(self) -> None:
        """Make the regions of the ``create`` options, before any code of the guest runs.

        QNX Hypervisor User's Guide, "Configuring the VMs" (memory sharing); the names are translated by ``subst``.
        Raises Refused with the status code that a guest would have seen.
        """
        before: list[Subst] = []
        for option in self.vdev.options:
            if isinstance(option, Subst):
                before.append(option)
            elif isinstance(option, Create):
                self.create(option, before)

    def create(self, create: Create, before: list[Subst]) -> None:
        """One ``create`` option; ``before`` are the substitutions written before it."""
        name = self.rules.created_name(as_bytes(create.name), before)
        pages = reg.pages(create.size_bytes)
        if pages > self.window.max_pages:
            raise Refused(Status.NOMEM)
        if self.registry.get(name) is None:
            self.registry.create(name, pages, kept=True)


def _word_at(place: int, offset: int, data: bytes) -> int | None:
    """The 32-bit word at ``place`` when the store covers it whole."""
    if offset <= place and place + 4 <= offset + len(data):
        return int.from_bytes(data[place - offset : place - offset + 4], "little")
    return None
