# SPDX-License-Identifier: Apache-2.0
"""The two virtual machines: their QEMU options and their built-in devices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from harness.arch import Arch


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
    """A machine of QEMU. Addresses are guest-physical, sizes in bytes."""

    arguments: tuple[str, ...]
    ram_base: int
    ram_limit: int
    builtin_devices: dict[str, BuiltinDevice]


_SERIAL: Final = frozenset({"hostdev"})

BOARDS: Final[dict[Arch, Board]] = {
    "aarch64": Board(
        # Software emulation is asked for by name: an accelerator that happens to be there would change every figure.
        # Cortex-A53 starts faster than "max", whose pointer authentication is costly to emulate.
        arguments=("-machine", "virt,gic-version=3", "-cpu", "cortex-a53", "-accel", "tcg,thread=multi"),
        ram_base=0x4000_0000,
        ram_limit=8 << 30,
        builtin_devices={
            "pl011": BuiltinDevice(0x0900_0000, intr=("gic:33",), options=_SERIAL),
            "gic": BuiltinDevice(0x0800_0000),
        },
    ),
    "x86_64": Board(
        arguments=(
            "-machine",
            "q35,usb=off,sata=off,smbus=off,vmport=off",
            # Without a source of random numbers a Linux guest collects some for seconds, and its SSH server waits.
            "-cpu",
            "qemu64,+rdrand",
            "-accel",
            "tcg,thread=multi",
        ),
        ram_base=0,
        ram_limit=2 << 30,
        builtin_devices={
            "ioapic": BuiltinDevice(0xFEC0_0000, intr=("apic",)),
            "ser8250": BuiltinDevice(0x3F8, "io", ("ioapic:4",), _SERIAL),
            "timer8254": BuiltinDevice(0x40, "io"),
            "mc146818": BuiltinDevice(0x70, "io"),
            "hpet": BuiltinDevice(0xFED0_0000),
        },
    ),
}
