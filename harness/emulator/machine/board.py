# SPDX-License-Identifier: Apache-2.0
"""The virtual machines: their QEMU options and their built-in devices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from harness.arch import Arch

ChipSet = Literal["q35", "pc"]
"""What a PC is made of, by QEMU's name for the machine; no guest may depend on it."""


@dataclass(frozen=True)
class BuiltinDevice:
    """A device that the machine always has, at a fixed address. ``options`` are those that a configuration may give."""

    address: int | None = None
    space: str = "mem"
    intr: tuple[str, ...] = ()
    options: frozenset[str] = frozenset()

    def location_text(self) -> str:
        """The address in the notation of the configuration language."""
        prefix = "io:" if self.space == "io" else ""
        return "no 'loc'" if self.address is None else f"{prefix}{self.address:#x}"


@dataclass(frozen=True)
class Board:
    """A machine of QEMU. Addresses are guest-physical, sizes in bytes.

    ``pci_lines`` are the lines of pin A of PCI devices, by device number modulo 4; ``taken`` are inputs of a PC's
    IO-APIC that others have on this machine alone.
    """

    arguments: tuple[str, ...]
    ram_base: int
    ram_limit: int
    builtin_devices: dict[str, BuiltinDevice]
    pci_lines: tuple[int, int, int, int]
    first_pci: int = 1
    """PCI device number of the first network device."""
    io_apic: str = ""
    """The IO-APIC's path in QEMU's tree of objects."""
    taken: frozenset[int] = frozenset()
    ecam: int | None = None
    """Where the configuration spaces are in memory, if they are."""
    ecam_by_firmware: bool = False
    """They are there once the firmware has run (observed: SeaBIOS and qboot use the same address)."""


_SERIAL: Final = frozenset({"hostdev"})

_VIRT: Final = Board(
    # Software emulation is asked for by name: an accelerator that happens to be there would change every figure.
    # Cortex-A53 starts faster than "max", whose pointer authentication is costly to emulate.
    arguments=("-machine", "virt,gic-version=3", "-cpu", "cortex-a53", "-accel", "tcg,thread=multi"),
    ram_base=0x4000_0000,
    ram_limit=8 << 30,
    builtin_devices={
        "pl011": BuiltinDevice(0x0900_0000, intr=("gic:33",), options=_SERIAL),
        "gic": BuiltinDevice(0x0800_0000),
    },
    pci_lines=(35, 36, 37, 38),
    ecam=0x40_1000_0000,
)


def _pc(
    machine: str,
    pci_lines: tuple[int, int, int, int],
    io_apic: str,
    first_pci: int,
    *taken: int,
    ecam: int | None = None,
) -> Board:
    return Board(
        # Without a source of random numbers a Linux guest collects some for seconds, and its SSH server waits.
        arguments=("-machine", machine, "-cpu", "qemu64,+rdrand", "-accel", "tcg,thread=multi"),
        ram_base=0,
        ram_limit=2 << 30,
        builtin_devices={
            "ioapic": BuiltinDevice(0xFEC0_0000, intr=("apic",)),
            "ser8250": BuiltinDevice(0x3F8, "io", ("ioapic:4",), _SERIAL),
            "timer8254": BuiltinDevice(0x40, "io"),
            "mc146818": BuiltinDevice(0x70, "io"),
            "hpet": BuiltinDevice(0xFED0_0000),
        },
        pci_lines=pci_lines,
        first_pci=first_pci,
        io_apic=io_apic,
        taken=frozenset(taken),
        ecam=ecam,
        ecam_by_firmware=True,
    )


_PCS: Final[dict[ChipSet, Board]] = {
    "q35": _pc(
        "q35,usb=off,sata=off,smbus=off,vmport=off", (20, 21, 22, 23), "/machine/q35/ioapic", 1, ecam=0xB000_0000
    ),
    # The firmware lets the pins share two inputs. Device 1 is the chip set's, with an IDE controller.
    "pc": _pc("pc,usb=off,vmport=off", (11, 10, 10, 11), "/machine/i440fx/ioapic", 2, 14, 15),
}


def board_of(arch: Arch, chip_set: ChipSet) -> Board:
    """The machine for guests of an architecture; the chip set is a PC's."""
    return _VIRT if arch == "aarch64" else _PCS[chip_set]
