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
from harness.emulator.machine.board import Board
from harness.emulator.window import FIRST_BANK, LARGE_BANK
from harness.shmem.config import ConfigError, Intr, Option, Position, ShmemVdev
from harness.shmem.profile import Profile
from harness.shmem.registers import PAGE_SIZE

FIRST_SLOT: Final = 8
"""PCI device number of the first shmem function; those below are left to the machine's own devices."""
MAX_DEVICES: Final = 16

_LOW_ON_PC: Final = 3
"""PCI devices whose first banks fit between the RAM of a PC and its firmware; an ARM guest places them itself."""

FIRST_SPI: Final = 32
LAST_INTID: Final = 287
_OWN_LINES: Final = {
    33: "its serial port",
    34: "its clock",
    **dict.fromkeys(range(35, 39), "interrupt pins of PCI devices"),
    39: "its power button",
}
"""Lines of the GIC that QEMU's machine itself uses (hw/arm/virt.c, ``a15irqmap``), and for what."""
_EDGE_PINS: Final = frozenset({3, 6, 7, 13, 14, 15})
_LEVEL_PINS: Final = frozenset({5, 10, 11})
IOAPIC_PINS: Final = _EDGE_PINS | _LEVEL_PINS
"""Inputs of the PC's IO-APIC that no device of the machine uses, unless its board has taken them."""

_HOLES: Final[dict[Arch, tuple[int, int]]] = {
    "aarch64": (0x1000_0000, 0x3EFE_FFFF),
    "x86_64": (0x8000_0000, 0xAFFF_FFFF),
}
"""First and last address at which QEMU's machines can have a memory-mapped device of ours."""
_BARS: Final[dict[Arch, tuple[int, int]]] = {"aarch64": (0x1000_0000, 0x100F_FFFF)}
"""The part of a hole in which guests put the 32-bit BARs of PCI devices: Linux and others fill it from below."""
_FIRST_BANKS: Final[dict[Arch, int]] = {"aarch64": 0xF0_0000_0000, "x86_64": 0x58_0000_0000}
_LARGE_BANKS: Final[dict[Arch, int]] = {"aarch64": 0xA0_0000_0000, "x86_64": 0x60_0000_0000}
"""Above whatever guests and firmware place themselves; a processor of either machine addresses 1 TiB."""


@dataclass(frozen=True)
class Placement:
    """Where a device is. ``loc`` is None for a PCI device.

    ``line`` is an INTID of the GIC or an IO-APIC input, None for a device without an interrupt (SHM-OPEN-30); ``level``
    says that the guest takes it for level-triggered.
    """

    vdev: ShmemVdev
    slot: int
    line: int | None
    level: bool
    loc: int | None = None
    banks: tuple[int, int] = (0, 0)
    """Guest-physical addresses of the window's banks of a memory-mapped device."""
    register: int | None = None
    """What ``Interrupt Line`` of a PCI function says: on a PC the line; an ARM guest has its device tree for that."""
    low: bool = False
    """Whether the firmware shall put the first bank of a PCI device's window below 4 GiB."""


def place(
    arch: Arch,
    board: Board,
    vdevs: Sequence[ShmemVdev],
    controllers: dict[str, str],
    profile: Profile,
    *,
    other_pci: bool,
) -> list[Placement]:
    """Place the devices. ``controllers`` maps names of interrupt controllers to kinds. Raises ConfigError.

    ``other_pci``: the VM has other devices on its PCI bus.
    """
    if len(vdevs) > MAX_DEVICES:
        raise ConfigError(f"more than {MAX_DEVICES} vdev shmem in one VM", vdevs[MAX_DEVICES].position)
    for vdev in vdevs:
        if vdev.loc is None and arch == "aarch64" and profile.arm_pci == "absent":
            raise ConfigError("an ARM guest of this host has no PCI bus", vdev.position, expected="'loc' and 'intr'")
    if other_pci or any(vdev.loc is None for vdev in vdevs):
        _keep_bars_free(arch, vdevs)
    low = arch == "x86_64" and sum(vdev.loc is None for vdev in vdevs) <= _LOW_ON_PC
    return [_place(arch, board, vdev, number, controllers, profile, low=low) for number, vdev in enumerate(vdevs)]


def _keep_bars_free(arch: Arch, vdevs: Sequence[ShmemVdev]) -> None:
    first, last = _BARS.get(arch, (0, -1))
    for vdev in vdevs:
        if vdev.loc is not None and first <= vdev.loc <= last:
            raise ConfigError(
                "the guest puts its PCI devices here",
                _position_of(vdev, "loc"),
                found=f"{vdev.loc:#x}",
                expected=f"an address from {last + 1:#x}, as this VM has PCI devices",
            )


def _place(
    arch: Arch,
    board: Board,
    vdev: ShmemVdev,
    number: int,
    controllers: dict[str, str],
    profile: Profile,
    *,
    low: bool,
) -> Placement:
    slot = FIRST_SLOT + number
    if vdev.loc is None:
        if vdev.intr is not None:
            raise ConfigError(
                "the machine decides the interrupt of a PCI device", vdev.intr.position, found=str(vdev.intr)
            )
        line = board.pci_lines[slot % 4]
        return Placement(vdev, slot, line, level=True, register=line if arch == "x86_64" else None, low=low)
    _check_address(arch, vdev, vdev.loc)
    mapped_line = _line(arch, board, vdev, controllers, profile)
    banks = _FIRST_BANKS[arch] + number * sum(FIRST_BANK), _LARGE_BANKS[arch] + number * sum(LARGE_BANK)
    level = mapped_line in _LEVEL_PINS if arch == "x86_64" else profile.interrupt_shape == "level"
    return Placement(vdev, slot, mapped_line, level, vdev.loc, banks)


def _check_address(arch: Arch, vdev: ShmemVdev, loc: int) -> None:
    first, last = _HOLES[arch]
    position = _position_of(vdev, "loc")
    if loc % PAGE_SIZE:
        raise ConfigError("a factory page is page-aligned", position, found=f"{loc:#x}")
    if not first <= loc <= last + 1 - PAGE_SIZE:
        raise ConfigError(
            "this machine cannot have a device here",
            position,
            found=f"{loc:#x}",
            expected=f"an address from {first:#x} to {last:#x}",
        )


def _line(arch: Arch, board: Board, vdev: ShmemVdev, controllers: dict[str, str], profile: Profile) -> int | None:
    intr = vdev.intr
    if intr is None and profile.loc_without_intr == "accepted":
        return None
    if intr is None:
        raise ConfigError("a 'loc' with an address needs an 'intr'", _position_of(vdev, "loc"))
    kind = controllers.get(intr.pic, intr.pic)
    wanted = "gic" if arch == "aarch64" else "ioapic"
    if kind != wanted or intr.line is None:
        expected = "gic:LINE" if arch == "aarch64" else "NAME:LINE of a 'vdev ioapic name NAME'"
        raise ConfigError("no such interrupt controller", intr.position, found=str(intr), expected=expected)
    _check_line(arch, board, intr, intr.line)
    if arch == "aarch64" and intr.line in _OWN_LINES and profile.intr_collision == "rejected":
        raise ConfigError(
            f"the machine uses this interrupt line for {_OWN_LINES[intr.line]}",
            intr.position,
            found=str(intr),
            expected=f"gic:{FIRST_SPI}, or a line from {max(_OWN_LINES) + 1} to {LAST_INTID}",
        )
    return intr.line


def _check_line(arch: Arch, board: Board, intr: Intr, line: int) -> None:
    if arch == "aarch64" and not FIRST_SPI <= line <= LAST_INTID:
        expected = f"an INTID from {FIRST_SPI} to {LAST_INTID}"
    elif arch == "x86_64" and line not in IOAPIC_PINS - board.taken:
        expected = "one of " + ", ".join(map(str, sorted(IOAPIC_PINS - board.taken)))
    else:
        return
    raise ConfigError("this interrupt line cannot be used", intr.position, found=str(intr), expected=expected)


def _position_of(vdev: ShmemVdev, name: str) -> Position:
    """Where an option of the vdev stands."""
    found = (option for option in vdev.options if isinstance(option, Option) and option.name == name)
    option = next(found, None)
    return vdev.position if option is None else option.position
