# SPDX-License-Identifier: Apache-2.0
"""What the probe answers about devices and registers, as typed records (docs/probe.md has the fields).

Addresses and register contents are integers, sizes of memory are bytes unless a field says pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self

_STATUS_MEMBERS_SHIFT = 16
_STATUS_PENDING = 0xFFFF

Answer = dict[str, Any]


def number(value: str) -> int:
    """An address or a word of an answer, which writes them as 0x..."""
    return int(value, 0)


class PageAccess(NamedTuple):
    """A load of ``width`` bytes, or a store of ``value``."""

    offset: int
    width: int
    value: int | None = None


@dataclass(frozen=True)
class MemoryRange:
    """RAM of the guest."""

    address: int
    size: int


@dataclass(frozen=True)
class Identity:
    """Which probe answers, and what it runs on.

    ``clock`` is the source of the clock's rate, or the reason for which there is no clock; ``clock_hz`` is 0 then.
    ``loader`` has started a guest without an operating system. Both are None where that is no question.
    """

    probe: str
    protocol: int
    architecture: str
    platform: str
    build: str
    boot: int
    console: str
    clock_hz: int
    clock: str | None
    loader: str | None
    ram: tuple[MemoryRange, ...]
    devices: int

    @classmethod
    def of(cls, answer: Answer) -> Self:
        return cls(
            probe=answer["probe"],
            protocol=answer["protocol"],
            architecture=answer["architecture"],
            platform=answer["platform"],
            build=answer["build"],
            boot=number(answer["boot"]),
            console=answer["console"],
            clock_hz=answer["clock_hz"],
            clock=answer["clock"],
            loader=answer["loader"],
            ram=tuple(MemoryRange(number(item["address"]), item["size"]) for item in answer["ram"]),
            devices=answer["devices"],
        )


@dataclass(frozen=True)
class Bar:
    """A base address register of a PCI function."""

    bar: int
    address: int
    size: int
    space: Literal["memory", "io"]
    wide: bool
    prefetchable: bool

    @classmethod
    def of(cls, answer: Answer) -> Self:
        return cls(**{**answer, "address": number(answer["address"])})


@dataclass(frozen=True)
class PciFunction:
    """A PCI function as its configuration space describes it."""

    segment: int
    bus: int
    device: int
    function: int
    vendor_id: int
    device_id: int
    class_code: int
    revision: int
    interrupt_line: int
    interrupt_pin: int
    bars: tuple[Bar, ...]

    @classmethod
    def of(cls, answer: Answer) -> Self:
        fields = {key: value for key, value in answer.items() if key not in ("class", "bars")}
        fields["vendor_id"], fields["device_id"] = number(answer["vendor_id"]), number(answer["device_id"])
        return cls(**fields, class_code=number(answer["class"]), bars=tuple(Bar.of(bar) for bar in answer["bars"]))


@dataclass(frozen=True)
class ShmemDevice:
    """A shmem device that the guest found, or that was registered with the probe.

    ``signature`` is None when its factory page has no address. ``interrupt`` is the line as the guest's tables have it
    (GIC: interrupt id; PC: input of the IO-APIC), 0 when they do not have it; ``edge`` is its trigger. ``covers`` is
    how many bytes the device tree gives it, from the factory page on; 0 where no tree lists it.
    """

    device: int
    placement: Literal["pci", "mmio"]
    factory: int
    signature: int | None
    interrupt: int
    edge: bool
    covers: int
    pci: PciFunction | None

    @classmethod
    def of(cls, answer: Answer) -> Self:
        return cls(
            device=answer["device"],
            placement=answer["placement"],
            factory=number(answer["factory"]),
            signature=None if answer["signature"] is None else number(answer["signature"]),
            interrupt=answer["interrupt"],
            edge=answer["edge"],
            covers=answer["covers"],
            pci=PciFunction.of(answer["pci"]) if "pci" in answer else None,
        )


def numbers(found: Sequence[ShmemDevice], places: Iterable[int | None]) -> list[int | None]:
    """By which number the guest knows each device of a configuration, or None for one that it has not found.

    ``places`` are the configured addresses, in the order of the configuration; None is a device on PCI, where the order
    of the configuration is that of the bus.
    """
    on_bus = iter(sorted(device.device for device in found if device.pci))
    in_memory = {device.factory: device.device for device in found if not device.pci}
    return [next(on_bus, None) if place is None else in_memory.get(place) for place in places]


@dataclass(frozen=True)
class Attachment:
    """The registers after a create-or-attach request, as they were read.

    ``size`` counts pages. ``handle``, ``index`` and ``control_status`` (the control page's registers) are None when the
    request was refused (``status`` is not 0).
    """

    status: int
    shmem: int
    size: int
    vector: int
    handle: int | None
    index: int | None
    control_status: int | None

    @property
    def attached(self) -> bool:
        """Whether the request was granted."""
        return self.status == 0

    @classmethod
    def of(cls, answer: Answer) -> Self:
        control_status = answer.get("control_status")
        return cls(
            status=answer["status"],
            shmem=number(answer["shmem"]),
            size=answer["size"],
            vector=answer["vector"],
            handle=answer["handle"],
            index=answer.get("index"),
            control_status=None if control_status is None else number(control_status),
        )


@dataclass(frozen=True)
class Detachment:
    """Where the region was that the guest has left."""

    handle: int
    control: int
    data: int

    @classmethod
    def of(cls, answer: Answer) -> Self:
        return cls(answer["handle"], number(answer["control"]), number(answer["data"]))


@dataclass(frozen=True)
class Handle:
    """An attached region in the guest's table; ``size`` counts pages."""

    handle: int
    factory: int
    control: int
    size: int
    current: bool

    @classmethod
    def of(cls, answer: Answer) -> Self:
        return cls(
            answer["handle"], number(answer["factory"]), number(answer["control"]), answer["size"], answer["current"]
        )


@dataclass(frozen=True)
class ControlStatus:
    """The control page's ``status`` and ``idx``. The read that made it has cleared the pending bits."""

    status: int
    index: int

    @property
    def pending(self) -> int:
        """A bit for each index that has signalled since the last read."""
        return self.status & _STATUS_PENDING

    @property
    def members(self) -> int:
        """A bit for each index in use."""
        return self.status >> _STATUS_MEMBERS_SHIFT

    @classmethod
    def of(cls, answer: Answer) -> Self:
        return cls(number(answer["status"]), answer["index"])


@dataclass(frozen=True)
class Factory:
    """The factory page's registers; ``name`` is all 32 bytes, ``size`` counts pages."""

    signature: int
    status: int
    shmem: int
    size: int
    vector: int
    name: bytes

    @classmethod
    def of(cls, answer: Answer) -> Self:
        return cls(
            signature=number(answer["signature"]),
            status=answer["status"],
            shmem=number(answer["shmem"]),
            size=answer["size"],
            vector=answer["vector"],
            name=bytes.fromhex(answer["name"]),
        )
