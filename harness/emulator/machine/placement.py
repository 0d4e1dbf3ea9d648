# SPDX-License-Identifier: Apache-2.0
"""Where each ``vdev shmem`` of a VM is, and which interrupt it has.

Without an address in ``loc`` it is a PCI function, otherwise memory-mapped (QNX Hypervisor User's Guide, "vdev shmem").
Either way QEMU has a PCI function. The one of a memory-mapped device is absent from the bus, and its BARs are fixed
from outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from harness.arch import Arch
from harness.emulator.machine import addresses
from harness.emulator.machine.board import Board
from harness.emulator.window import FIRST_BANK
from harness.shmem.config import ConfigError, Intr, Option, Position, ShmemVdev
from harness.shmem.profile import Profile
from harness.shmem.registers import PAGE_SIZE

FIRST_SLOT: Final = 8
"""PCI device number of the first shmem function; those below are left to the machine's own devices."""
_SLOTS: Final = 16
"""Device numbers for shmem functions; the next ones are further functions of the same devices."""
MAX_DEVICES: Final = 32

_LOW_ON_PC: Final = 3
"""PCI devices whose first banks fit between the RAM of a PC and its firmware; an ARM guest places them itself."""

FIRST_SPI: Final = 32
LAST_INTID: Final = 287
_OWN_LINES: Final = {
    33: "its serial port",
    34: "its clock",
    39: "its power button",
}
"""Lines of the GIC that QEMU's machine always uses (hw/arm/virt.c, ``a15irqmap``), and for what."""
_EDGE_PINS: Final = frozenset({3, 6, 7, 13, 14, 15})
_LEVEL_PINS: Final = frozenset({5, 10, 11})
IOAPIC_PINS: Final = _EDGE_PINS | _LEVEL_PINS
"""Inputs of the PC's IO-APIC that nothing uses, unless the board has taken them or a PCI device has."""


_ON_BUS: Final = addresses.Banks(0, 0, FIRST_BANK)
"""The guest, or its firmware, decides about addresses on a bus."""


@dataclass(frozen=True)
class Placement:
    """Where a device is. ``loc`` is None for a PCI device; ``number`` counts the functions, PCI devices first.

    ``line`` is an INTID of the GIC or an IO-APIC input, None for a device without an interrupt (SHM-OPEN-30); ``level``
    says that the guest takes it for level-triggered.
    """

    vdev: ShmemVdev
    number: int
    line: int | None
    level: bool
    loc: int | None = None
    banks: addresses.Banks = _ON_BUS
    """The window's banks; their addresses are those of a memory-mapped device."""
    register: int | None = None
    """What ``Interrupt Line`` of a PCI function says: on a PC the line; an ARM guest has its device tree for that."""
    low: bool = False
    """Whether the firmware shall put the first bank of a PCI device's window below 4 GiB."""

    @property
    def slot(self) -> int:
        """The PCI device number."""
        return slot_of(self.number)

    @property
    def function(self) -> int:
        """The function of the PCI device."""
        return self.number // _SLOTS


def slot_of(number: int) -> int:
    """The PCI device number of a function. Function 0 of a device is there whenever a further one is."""
    return FIRST_SLOT + number % _SLOTS


def place(
    arch: Arch,
    board: Board,
    vdevs: Sequence[ShmemVdev],
    controllers: dict[str, str],
    profile: Profile,
    *,
    other_pci: Sequence[int],
    ram_end: int,
) -> list[Placement]:
    """Place the devices. ``controllers`` maps names of interrupt controllers to kinds. Raises ConfigError.

    ``other_pci`` are the numbers of the VM's other devices on its PCI bus. ``ram_end`` is the first address
    behind its RAM.
    """
    if len(vdevs) > MAX_DEVICES:
        raise ConfigError(
            "too many vdev shmem in one VM",
            vdevs[MAX_DEVICES].position,
            found=str(len(vdevs)),
            expected=f"up to {MAX_DEVICES}",
        )
    for vdev in vdevs:
        if vdev.loc is None and arch == "aarch64" and profile.arm_pci == "absent":
            raise ConfigError("an ARM guest of this host has no PCI bus", vdev.position, expected="'loc' and 'intr'")
    on_bus = [vdev for vdev in vdevs if vdev.loc is None]
    if other_pci or on_bus:
        _keep_bars_free(arch, vdevs)
    low = arch == "x86_64" and len(on_bus) <= _LOW_ON_PC
    made = {id(vdev): _on_bus(arch, board, vdev, number, low=low) for number, vdev in enumerate(on_bus)}
    mapped = [(vdev, vdev.loc) for vdev in vdevs if vdev.loc is not None]
    pins = frozenset(board.pci_lines[slot % 4] for slot in (*other_pci, *(made[id(vdev)].slot for vdev in on_bus)))
    places = addresses.banks(arch, [loc for _, loc in mapped])
    for number, ((vdev, loc), banks) in enumerate(zip(mapped, places, strict=True), start=len(on_bus)):
        _check_address(arch, vdev, loc, ram_end)
        line = _line(arch, board, vdev, controllers, profile, pins)
        level = line in _level_pins(board) if arch == "x86_64" else profile.interrupt_shape == "level"
        made[id(vdev)] = Placement(vdev, number, line, level, loc, banks)
    return [made[id(vdev)] for vdev in vdevs]


def _keep_bars_free(arch: Arch, vdevs: Sequence[ShmemVdev]) -> None:
    bars = addresses.bars(arch)
    for vdev in vdevs:
        if bars is not None and vdev.loc is not None and bars.first <= vdev.loc <= bars.last:
            raise ConfigError(
                "the guest puts its PCI devices here",
                _position_of(vdev, "loc"),
                found=f"{vdev.loc:#x}",
                expected=f"an address from {bars.last + 1:#x}, as this VM has PCI devices",
            )


def _on_bus(arch: Arch, board: Board, vdev: ShmemVdev, number: int, *, low: bool) -> Placement:
    if vdev.intr is not None:
        raise ConfigError("the machine decides the interrupt of a PCI device", vdev.intr.position, found=str(vdev.intr))
    line = board.pci_lines[slot_of(number) % 4]
    return Placement(vdev, number, line, level=True, register=line if arch == "x86_64" else None, low=low)


def _check_address(arch: Arch, vdev: ShmemVdev, loc: int, ram_end: int) -> None:
    hole = addresses.hole(arch, ram_end)
    position = _position_of(vdev, "loc")
    if loc % PAGE_SIZE:
        raise ConfigError("a factory page is page-aligned", position, found=f"{loc:#x}")
    if not hole.first <= loc <= hole.last + 1 - PAGE_SIZE:
        raise ConfigError(
            "this machine cannot have a device here",
            position,
            found=f"{loc:#x}",
            expected=f"an address from {hole.first:#x} to {hole.last:#x}",
        )


def _line(
    arch: Arch, board: Board, vdev: ShmemVdev, controllers: dict[str, str], profile: Profile, pins: frozenset[int]
) -> int | None:
    """The line of a memory-mapped device; ``pins`` are those of the VM's PCI devices."""
    intr = vdev.intr
    if intr is None and profile.loc_without_intr == "accepted":
        return None
    if intr is None:
        raise ConfigError("a 'loc' with an address needs an 'intr'", _position_of(vdev, "loc"))
    kind = controllers.get(intr.pic)
    wanted = "gic" if arch == "aarch64" else "ioapic"
    if kind != wanted or intr.line is None:
        expected = "gic:LINE" if arch == "aarch64" else "NAME:LINE of a 'vdev ioapic name NAME'"
        raise ConfigError("no such interrupt controller", intr.position, found=str(intr), expected=expected)
    usable = frozenset(range(FIRST_SPI, LAST_INTID + 1)) if arch == "aarch64" else _io_apic_pins(board)
    _check_line(arch, intr, intr.line, usable, pins, profile)
    return intr.line


def _level_pins(board: Board) -> frozenset[int]:
    return _LEVEL_PINS | frozenset(board.pci_lines)


def _io_apic_pins(board: Board) -> frozenset[int]:
    return (IOAPIC_PINS | _level_pins(board)) - board.taken


def _check_line(
    arch: Arch, intr: Intr, line: int, usable: frozenset[int], pins: frozenset[int], profile: Profile
) -> None:
    own = _OWN_LINES if arch == "aarch64" else {}
    used = own | dict.fromkeys(pins, "interrupt pins of the VM's PCI devices")
    free = f"one of {_ranges(usable - used.keys())}"
    if line not in usable:
        raise ConfigError("this interrupt line cannot be used", intr.position, found=str(intr), expected=free)
    if line in used and profile.intr_collision == "rejected":
        text = f"the machine uses this interrupt line for {used[line]}"
        also = ", or no PCI device beside it" if line in pins else ""
        raise ConfigError(text, intr.position, found=str(intr), expected=free + also)


def _ranges(lines: frozenset[int]) -> str:
    """The numbers in words, those that follow each other as ``FIRST to LAST``."""
    starts = sorted(line for line in lines if line - 1 not in lines)
    ends = sorted(line for line in lines if line + 1 not in lines)
    return ", ".join(str(a) if a == b else f"{a} to {b}" for a, b in zip(starts, ends, strict=True))


def _position_of(vdev: ShmemVdev, name: str) -> Position:
    """Where an option of the vdev stands."""
    found = (option for option in vdev.options if isinstance(option, Option) and option.name == name)
    option = next(found, None)
    return vdev.position if option is None else option.position
