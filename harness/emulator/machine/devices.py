# SPDX-License-Identifier: Apache-2.0
"""The ``vdev shmem`` devices of one VM, with everything that each of them holds."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.arch import Arch
from harness.emulator.device.creation import create_configured
from harness.emulator.device.device import SharedMemoryDevice
from harness.emulator.device.function import ShmemFunction
from harness.emulator.device.interrupts import Line
from harness.emulator.device.regions import Client, Region, Registry
from harness.emulator.machine import Placement
from harness.emulator.machine.board import Board
from harness.emulator.machine.lines import GicLine, IoApicLine
from harness.emulator.machine.memory_mapped import show_at, take_off_the_bus
from harness.emulator.machine.qtest import Qtest
from harness.emulator.vfio_user.server import Listener
from harness.emulator.window import Mapper, Window
from harness.shmem.profile import Profile

_socket_numbers = itertools.count()
"""Names of sockets must be short: a path has about 100 bytes, and a system's name alone may have more."""


@dataclass
class _Placed:
    """A placed device, with the channel on which QEMU reaches it."""

    placement: Placement
    device: SharedMemoryDevice
    function: ShmemFunction
    window: Window
    listener: Listener
    socket: Path

    def close(self) -> None:
        """End its connections, which the other clients see as a detach, and give everything back."""
        with contextlib.ExitStack() as last_first:
            last_first.callback(self.window.close)
            last_first.callback(self.socket.unlink, missing_ok=True)
            last_first.callback(self.listener.close)
            last_first.callback(self.device.reset)
            last_first.callback(self.device.interrupt.close)


@dataclass
class VmDevices:
    """All devices of the VM ``system``; sockets are made below ``directory``."""

    system: str
    directory: Path
    registry: Registry
    profile: Profile
    mapper: Mapper
    broken: Callable[[str], None]
    _placed: list[_Placed] = field(default_factory=list)
    _devices: list[SharedMemoryDevice] = field(default_factory=list)
    _held: list[Client] = field(default_factory=list)
    _made: list[Region] = field(default_factory=list)

    def add(self, placements: Sequence[Placement]) -> list[str]:
        """Make the devices and the regions of their ``create`` options; QEMU's options for them.

        Raises ConfigError for a region that cannot be made.
        """
        arguments: list[str] = []
        for placement in placements:
            arguments += self._add(placement, self.directory / f"{next(_socket_numbers)}.sock")
        before = list(self.registry)
        try:
            for placed in self._placed:
                self._create(placed)
        finally:
            self._made = [region for region in self.registry if region not in before]
        return arguments

    def _create(self, placed: _Placed) -> None:
        create_configured(
            placed.placement.vdev,
            system=self.system,
            rules=placed.device.requests.rules,
            registry=self.registry,
            profile=self.profile,
            max_pages=Window.max_pages,
            held=self._held,
        )

    def undo(self) -> None:
        """The VM did not start: remove its regions, unless they have clients already."""
        for region in self._made:
            if not any(region.connected()):
                self.registry.drop(region)

    def _vector(self, placement: Placement) -> int:
        """What the factory page says of the interrupt."""
        if placement.loc is None and self.profile.pci_vector == "zero":
            return 0
        return placement.line or 0

    def _add(self, placement: Placement, socket: Path) -> list[str]:
        with contextlib.ExitStack() as unless_placed:
            window = Window(self.mapper, placement.banks.slots)
            unless_placed.callback(window.close)
            self._placed.append(self._place(placement, window, socket))
            unless_placed.pop_all()
        properties = {
            "driver": "vfio-user-pci",
            "addr": f"{placement.slot:x}.{placement.function}",
            "multifunction": placement.function == 0,
            "socket": {"type": "unix", "path": str(socket)},
            # A posted write would let the guest run on before a detach has taken the data away.
            "x-no-posted-writes": True,
        }
        return ["-device", json.dumps(properties)]

    def _place(self, placement: Placement, window: Window, socket: Path) -> _Placed:
        device = SharedMemoryDevice(
            placement.vdev,
            system=self.system,
            registry=self.registry,
            window=window,
            profile=self.profile,
            vector=self._vector(placement),
            others=self._devices,
        )
        self._devices.append(device)
        function = ShmemFunction(device, window, self.broken, line=placement.register, low=placement.low)
        return _Placed(placement, device, function, window, Listener(socket, function), socket)

    @property
    def memory_mapped(self) -> bool:
        """Whether a device has to be put at its address before the guest runs."""
        return any(placed.placement.loc is not None for placed in self._placed)

    async def connect(self, qtest: Qtest, arch: Arch, board: Board) -> None:
        """Wire the interrupts and place the memory-mapped devices; QEMU is running or paused."""
        for placed in self._placed:
            placed.device.interrupt.line = self._line(qtest, arch, board.io_apic, placed.placement)
            if placed.placement.loc is not None:
                await show_at(qtest, board, placed.placement)
                take_off_the_bus(qtest, board, placed.placement, placed.function.config)

    @staticmethod
    def _line(qtest: Qtest, arch: Arch, io_apic: str, placement: Placement) -> Line | None:
        if placement.line is None:
            return None
        if arch == "aarch64":
            return GicLine(qtest, placement.line)
        return IoApicLine(qtest, io_apic, placement.line, level=placement.level)

    def report(self) -> list[str]:
        """What each device has to say of itself, line by line."""
        lines = []
        for placed in self._placed:
            place = f"pci 00:{placed.placement.slot:02x}.{placed.placement.function}"
            if placed.placement.loc is not None:
                place = f"loc {placed.placement.loc:#x}"
            title = f"vdev shmem {placed.placement.vdev.name or ''}".strip()
            lines.append(f"{title} at {place}, vector {placed.device.factory.vector}: {placed.device.report()}")
        return lines

    def close(self) -> None:
        """End all connections, which the other clients see as a detach, and give everything back."""
        with contextlib.ExitStack() as last_first:
            for client in reversed(self._held):
                last_first.callback(client.detach)
            for placed in reversed(self._placed):
                last_first.callback(placed.close)
        self._placed.clear()
        self._devices.clear()
        self._held.clear()
