# SPDX-License-Identifier: Apache-2.0
"""What the probe answers, as typed records (docs/probe.md describes the fields on the line).

Addresses and register contents are integers, sizes of memory are bytes unless a field says pages, times nanoseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self

_STATUS_MEMBERS_SHIFT = 16
_STATUS_PENDING = 0xFFFF

Answer = dict[str, Any]


def _hex(value: Any) -> int:
    return int(value, 0)


@dataclass(frozen=True)
class MemoryRange:
    """RAM of the guest."""

    address: int
    size: int


@dataclass(frozen=True)
class Identity:
    """Which probe answers, and what it runs on."""

    probe: str
    protocol: int
    architecture: str
    platform: str
    build: str
    boot: int
    console: str
    clock_hz: int
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
            boot=_hex(answer["boot"]),
            console=answer["console"],
            clock_hz=answer["clock_hz"],
            ram=tuple(MemoryRange(_hex(item["address"]), item["size"]) for item in answer["ram"]),
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
        return cls(**{**answer, "address": _hex(answer["address"])})


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
        fields["vendor_id"], fields["device_id"] = _hex(answer["vendor_id"]), _hex(answer["device_id"])
        return cls(**fields, class_code=_hex(answer["class"]), bars=tuple(Bar.of(bar) for bar in answer["bars"]))


@dataclass(frozen=True)
class ShmemDevice:
    """A shmem device that the guest found or was told of.

    ``signature`` is None when its factory page has no address. ``interrupt`` is the line as the guest's tables have it
    (GIC: interrupt id; PC: input of the IO-APIC), 0 when they do not have it; ``edge`` is its trigger.
    """

    device: int
    placement: Literal["pci", "mmio"]
    factory: int
    signature: int | None
    interrupt: int
    edge: bool
    pci: PciFunction | None

    @classmethod
    def of(cls, answer: Answer) -> Self:
        return cls(
            device=answer["device"],
            placement=answer["placement"],
            factory=_hex(answer["factory"]),
            signature=None if answer["signature"] is None else _hex(answer["signature"]),
            interrupt=answer["interrupt"],
            edge=answer["edge"],
            pci=PciFunction.of(answer["pci"]) if "pci" in answer else None,
        )


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
            shmem=_hex(answer["shmem"]),
            size=answer["size"],
            vector=answer["vector"],
            handle=answer["handle"],
            index=answer.get("index"),
            control_status=None if control_status is None else _hex(control_status),
        )


@dataclass(frozen=True)
class Detachment:
    """Where the region was that the guest has left."""

    handle: int
    control: int
    data: int

    @classmethod
    def of(cls, answer: Answer) -> Self:
        return cls(answer["handle"], _hex(answer["control"]), _hex(answer["data"]))


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
            answer["handle"], _hex(answer["factory"]), _hex(answer["control"]), answer["size"], answer["current"]
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
        return cls(_hex(answer["status"]), answer["index"])


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
            signature=_hex(answer["signature"]),
            status=answer["status"],
            shmem=_hex(answer["shmem"]),
            size=answer["size"],
            vector=answer["vector"],
            name=bytes.fromhex(answer["name"]),
        )


@dataclass(frozen=True)
class Timing:
    """How long single operations took."""

    count: int
    min_ns: int
    median_ns: int
    p99_ns: int
    max_ns: int
    mean_ns: int

    @classmethod
    def of(cls, answer: Answer) -> Self:
        return cls(**{name: answer[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Mismatch:
    """A byte that is not what the pattern says."""

    offset: int
    expected: int
    found: int


@dataclass(frozen=True)
class Verification:
    """The outcome of a comparison with the pattern; ``mismatches`` counts bytes."""

    length: int
    mismatches: int
    first: Mismatch | None

    @classmethod
    def of(cls, answer: Answer) -> Self:
        first = answer["first"]
        return cls(answer["length"], answer["mismatches"], None if first is None else Mismatch(**first))


@dataclass(frozen=True)
class Throughput:
    """``bytes`` moved in ``ns`` in blocks of ``block`` over a piece of memory of ``span`` bytes."""

    ns: int
    bytes: int
    block: int
    span: int

    @property
    def megabytes_per_second(self) -> float:
        """10^6 bytes per second."""
        return self.bytes * 1000 / self.ns

    @classmethod
    def of(cls, answer: Answer) -> Self:
        return cls(answer["ns"], answer["bytes"], answer["block"], answer["span"])


@dataclass(frozen=True)
class Comparison:
    """How long pieces of ``bytes`` bytes took in the region and in private memory."""

    bytes: int
    block: int
    span: int
    region: Timing
    private: Timing

    @property
    def ratio(self) -> float:
        """Speed of the region relative to private memory, by the medians: 1 is equally fast."""
        return self.private.median_ns / self.region.median_ns

    @classmethod
    def of(cls, answer: Answer) -> Self:
        region, private = Timing.of(answer["region"]), Timing.of(answer["private"])
        return cls(answer["bytes"], answer["block"], answer["span"], region, private)


@dataclass(frozen=True)
class Interrupt:
    """The interrupt that a guest listens to; ``line`` means nothing when it is message-signalled."""

    message: bool
    line: int
    edge: bool

    @classmethod
    def of(cls, answer: Answer) -> Self:
        return cls(answer["message"], answer["line"], answer["edge"])


@dataclass(frozen=True)
class RegionPending:
    """What the interrupt handler gathered for a region: bits of senders, and the members it saw last."""

    handle: int
    senders: int
    members: int


@dataclass(frozen=True)
class InterruptWait:
    """The outcome of a wait: the interrupts since the wait before, and what they told."""

    interrupts: int
    timed_out: bool
    pending: tuple[RegionPending, ...]

    def senders(self, handle: int) -> int:
        """Bits of the indices that have signalled region ``handle``."""
        return next((item.senders for item in self.pending if item.handle == handle), 0)

    @classmethod
    def of(cls, answer: Answer) -> Self:
        pending = (
            RegionPending(item["handle"], _hex(item["senders"]), _hex(item["members"])) for item in answer["pending"]
        )
        return cls(answer["interrupts"], answer["timed_out"], tuple(pending))


@dataclass(frozen=True)
class RegionSignals:
    """What the interrupt handler counted for a region since it was attached.

    ``changes`` of the member set, ``echoed`` interrupts since ``serve``, and ``signals`` by sender (up to the last that
    has sent any; a sender's signals between two reads of ``status`` count once).
    """

    handle: int
    members: int
    changes: int
    echoed: int
    signals: tuple[int, ...]

    def from_sender(self, index: int) -> int:
        """How many signals came from client ``index``."""
        return self.signals[index] if index < len(self.signals) else 0


@dataclass(frozen=True)
class InterruptCount:
    """Interrupts since the guest listens: taken, of them explained by a status word (owned) or not (disowned).

    ``faults`` counts status registers that could not be read.
    """

    taken: int
    owned: int
    disowned: int
    faults: int
    regions: tuple[RegionSignals, ...]

    def region(self, handle: int) -> RegionSignals:
        """The counts of region ``handle``; raises KeyError when the guest has not attached it."""
        for region in self.regions:
            if region.handle == handle:
                return region
        raise KeyError(handle)

    @classmethod
    def of(cls, answer: Answer) -> Self:
        regions = (
            RegionSignals(
                item["handle"], _hex(item["members"]), item["changes"], item["echoed"], tuple(item["signals"])
            )
            for item in answer["regions"]
        )
        return cls(answer["taken"], answer["owned"], answer["disowned"], answer["faults"], tuple(regions))


@dataclass(frozen=True)
class RoundTrips:
    """Times from a signal to the peer's answering signal, both by interrupt.

    ``lost`` is whether a round had no answer within a second, which ended the measurement. ``interrupts`` is how many
    were taken meanwhile; ``histogram`` has pairs of (upper limit in ns, count).
    """

    timing: Timing
    lost: bool
    interrupts: int
    histogram: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, answer: Answer) -> Self:
        histogram = tuple((limit, count) for limit, count in answer["histogram"])
        return cls(Timing.of(answer), bool(answer["lost"]), answer["interrupts"], histogram)


@dataclass(frozen=True)
class Finding:
    """A 64-bit word that is neither all zeros nor all ones."""

    address: int
    value: int


@dataclass(frozen=True)
class Scan:
    """What is in a range of memory: counts of 64-bit words, faults, and the first few findings.

    ``skipped_pages`` are control pages of regions that the guest has attached: reading them would lose signals.
    """

    words: int
    zero: int
    ones: int
    other: int
    hits: int
    faults: int
    skipped_pages: int
    first: tuple[Finding, ...]

    @classmethod
    def of(cls, answer: Answer) -> Self:
        first = tuple(Finding(_hex(item["address"]), _hex(item["value"])) for item in answer["first"])
        return cls(**{**answer, "first": first})


@dataclass(frozen=True)
class Rampage:
    """What a hostile guest did: accesses, those that its processor refused, and reads of what it must not see."""

    reads: int
    writes: int
    faults: int
    hits: int

    @classmethod
    def of(cls, answer: Answer) -> Self:
        return cls(answer["reads"], answer["writes"], answer["faults"], answer["hits"])
