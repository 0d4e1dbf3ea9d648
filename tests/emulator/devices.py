# SPDX-License-Identifier: Apache-2.0
"""One device of the emulated host without a QEMU behind it, driven as a guest drives its registers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from harness.emulator.device.creation import create_configured
from harness.emulator.device.device import SharedMemoryDevice
from harness.emulator.device.function import BANKS, ShmemFunction
from harness.emulator.device.regions import Region, Registry
from harness.emulator.vfio_user.wire import PciIrq
from harness.emulator.window import Mapper, Window, WindowBroken
from harness.shmem import registers as reg
from harness.shmem.config import ShmemVdev, parse, shmems_of
from harness.shmem.profile import Profile
from harness.shmem.status import Status

WINDOW_BASE = 0x80_0000_0000


class FakeMapper(Mapper):
    """Takes note of every change of the window, or fails with ``error``.

    ``seen`` has for each change window, offset and length, and size and first bytes of the region that is shown;
    private memory is None.
    """

    def __init__(self) -> None:
        self.error: WindowBroken | None = None
        self.changes: list[tuple[int, ...]] = []
        self.seen: list[tuple[int, int, int, tuple[int, bytes] | None]] = []

    def replace(self, window: int, offset: int, length: int, fd: int, file_offset: int) -> None:
        if self.error is not None:
            raise self.error
        self.changes.append((window, offset, length, fd, file_offset))
        shown = None if fd == window else (os.fstat(fd).st_size, os.pread(fd, 4, file_offset))
        self.seen.append((window, offset, length, shown))


@dataclass
class Machine:
    """The devices of one VM; ``broken`` has what was said to end its qvm."""

    system: str
    registry: Registry
    mapper: FakeMapper = field(default_factory=FakeMapper)
    functions: list[ShmemFunction] = field(default_factory=list)
    devices: list[SharedMemoryDevice] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def add(self, options: str, stack: ExitStack) -> Driver:
        """One more ``vdev shmem`` with these options."""
        window = Window(self.mapper)
        stack.callback(window.close)
        (vdev,) = shmems_of(parse(f"vdev shmem {options}"))
        device = SharedMemoryDevice(
            vdev,
            system=self.system,
            registry=self.registry,
            window=window,
            profile=self.registry.profile,
            vector=35,
            others=self.devices,
        )
        base = WINDOW_BASE + len(self.devices) * (sum(bank.size for bank in window.banks))
        self.devices.append(device)
        function = ShmemFunction(device, window, self.broken.append)
        device.bank_base = lambda bank: base + sum(earlier.size for earlier in window.banks[:bank])
        self.functions.append(function)
        stack.callback(function.disconnected)
        return Driver(device, function)


@dataclass
class Driver:
    """What a guest's driver does with the device; registers are reached as QEMU reaches them."""

    device: SharedMemoryDevice
    function: ShmemFunction

    @property
    def vdev(self) -> ShmemVdev:
        return self.device.requests.vdev

    def store(self, offset: int, value: int, width: int = 4) -> None:
        self.function.write(0, offset, value.to_bytes(width, "little"))

    def load(self, offset: int, width: int = 4) -> int:
        return int.from_bytes(self.function.read(0, offset, width), "little")

    def set_name(self, name: bytes) -> None:
        for position, byte in enumerate(name.ljust(reg.NAME_SIZE, b"\0")):
            self.store(reg.NAME_OFFSET + position, byte, 1)

    def request(self, name: str, pages: int = 1) -> Status:
        """Ask for a region as drivers do: the name, then the size; the answer is in ``status``."""
        self.set_name(name.encode())
        self.store(reg.SIZE_OFFSET, pages)
        return self.status

    def find(self, number: int) -> Status:
        self.store(reg.FIND_OFFSET, number)
        return self.status

    @property
    def status(self) -> Status:
        return Status(self.load(reg.STATUS_OFFSET))

    @property
    def size(self) -> int:
        return self.load(reg.SIZE_OFFSET)

    @property
    def slot(self) -> int:
        """The slot that ``shmem`` shows."""
        shmem = self.load(reg.SHMEM_OFFSET, 8)
        return next(slot for slot in range(len(self.device.slots)) if self.device.address(slot) == shmem)

    def at(self, slot: int, offset: int) -> tuple[int, int]:
        """The BAR of a slot, and an offset of the slot in it."""
        place = self.device.window.places[slot]
        return BANKS[place.bank], place.offset + offset

    def control(self, offset: int, slot: int | None = None) -> int:
        number = self.slot if slot is None else slot
        return int.from_bytes(self.function.read(*self.at(number, offset), 4), "little")

    def set_control(self, offset: int, value: int, slot: int | None = None) -> None:
        number = self.slot if slot is None else slot
        self.function.write(*self.at(number, offset), value.to_bytes(4, "little"))

    @property
    def index(self) -> int:
        return self.control(reg.CONTROL_IDX_OFFSET)

    @property
    def members(self) -> int:
        return self.control(reg.CONTROL_STATUS_OFFSET) >> 16

    def notify(self, mask: int) -> None:
        self.set_control(reg.CONTROL_NOTIFY_OFFSET, mask)

    def set_data(self, data: bytes) -> None:
        self.function.write(*self.at(self.slot, reg.DATA_OFFSET), data)

    def count_interrupts(self) -> Callable[[], int]:
        """Enable message-signalled interrupts; the result tells how many came since it was called last."""
        event = os.eventfd(0, os.EFD_NONBLOCK)
        self.function.set_interrupts(PciIrq.MSI, 0, [event])

        def taken() -> int:
            try:
                return os.eventfd_read(event)
            except BlockingIOError:
                return 0

        return taken

    def detach(self, slot: int | None = None) -> None:
        self.set_control(reg.CONTROL_DETACH_OFFSET, 1, slot)

    def data(self, length: int = 4) -> bytes:
        """Data as the host has it in the region that the latest request connected."""
        return self.function.read(*self.at(self.slot, reg.DATA_OFFSET), length)


@dataclass
class Bench:
    """A host's registry and the devices on it."""

    registry: Registry
    stack: ExitStack
    machines: dict[str, Machine] = field(default_factory=dict)

    def device(self, options: str = "", system: str = "one") -> Driver:
        machine = self.machines.setdefault(system, Machine(system, self.registry))
        return machine.add(options, self.stack)

    def end(self, system: str) -> None:
        """The VM ends: its devices leave everything, and the host is told."""
        for function in self.machines.pop(system).functions:
            function.disconnected()
        self.registry.ended(system)

    def start(self, options: str, system: str = "one") -> Driver:
        """A device whose ``create`` options have been carried out."""
        driver = self.device(options, system)
        create_configured(
            driver.vdev,
            system=system,
            rules=driver.device.requests.rules,
            registry=self.registry,
            profile=self.registry.profile,
            max_pages=Window.max_pages,
            held=[],
        )
        return driver

    def regions(self) -> list[str]:
        """The names of the host's regions."""
        return [region.name for region in self.registry]

    def region(self, name: str) -> Region:
        found = self.registry.find(name)
        assert found is not None
        return found


@contextmanager
def bench(profile: Profile) -> Iterator[Bench]:
    with ExitStack() as stack:
        registry = Registry(profile)
        stack.callback(registry.close)
        made = Bench(registry, stack)
        registry.lives = made.machines.__contains__
        yield made


Row = tuple[str, dict[str, str], Callable[[Bench], Any], Any]
"""Release, readings that differ from its preset, a scenario, and what that has to give."""


def row_name(row: Row) -> str:
    """What pytest calls the row."""
    readings = ",".join(f"{field}={reading}" for field, reading in row[1].items()) or row[0]
    return f"{row[2].__name__}-{readings}"
