# SPDX-License-Identifier: Apache-2.0
"""What the probe answers when it has measured, counted or searched, as typed records (docs/probe.md has the fields).

Addresses and words are integers, sizes of memory are bytes, times nanoseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from harness.guest.probe_results import Answer, number


@dataclass(frozen=True)
class Timing:
    """How long single operations took; ``p999`` is what one in a thousand exceeds."""

    count: int
    min_ns: int
    median_ns: int
    p90_ns: int
    p99_ns: int
    p999_ns: int
    max_ns: int
    mean_ns: int

    @classmethod
    def of(cls, answer: Answer) -> Self:
        return cls(**{name: answer[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class RequestTimes:
    """Equal requests, which all had the same ``status``: from the store of the size until the status is read.

    ``detach`` is the store that leaves the region again; its times are 0 where the request is refused.
    """

    status: int
    request: Timing
    detach: Timing

    @classmethod
    def of(cls, answer: Answer) -> Self:
        return cls(answer["status"], Timing.of(answer["request"]), Timing.of(answer["detach"]))


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
    """``bytes`` moved in ``ns`` in blocks of ``block`` over a piece of memory of ``span`` bytes.

    ``loop`` is which of the guest's loops it was, the fastest on its machine.
    """

    ns: int
    bytes: int
    block: int
    span: int
    loop: str

    @property
    def megabytes_per_second(self) -> float:
        """10^6 bytes per second."""
        return self.bytes * 1000 / self.ns

    @classmethod
    def of(cls, answer: Answer) -> Self:
        return cls(answer["ns"], answer["bytes"], answer["block"], answer["span"], answer["loop"])


@dataclass(frozen=True)
class Comparison:
    """How long pieces of ``bytes`` bytes took in the region and in private memory, by the loop called ``loop``."""

    bytes: int
    block: int
    span: int
    loop: str
    region: Timing
    private: Timing

    @property
    def ratio(self) -> float:
        """Speed of the region relative to private memory, by the medians: 1 is equally fast."""
        return self.private.median_ns / self.region.median_ns

    @classmethod
    def of(cls, answer: Answer) -> Self:
        region, private = Timing.of(answer["region"]), Timing.of(answer["private"])
        return cls(answer["bytes"], answer["block"], answer["span"], answer["loop"], region, private)


@dataclass(frozen=True)
class Share:
    """What one of several guests has moved in the ``ns`` in which all of them worked.

    A pass is once over the ``span``; ``passes`` are their times. The median one is hardly moved by the moments at which
    the guest's processor did something else, which ``bytes`` contains.
    """

    ns: int
    bytes: int
    block: int
    span: int
    loop: str
    passes: Timing

    @property
    def megabytes_per_second(self) -> float:
        """10^6 bytes per second, over the whole time."""
        return self.bytes * 1000 / self.ns

    @property
    def megabytes_per_second_of_a_pass(self) -> float:
        """The same of the median pass."""
        return self.span * 1000 / self.passes.median_ns

    @classmethod
    def of(cls, answer: Answer) -> Self:
        passes = Timing.of(answer["passes"])
        return cls(answer["ns"], answer["bytes"], answer["block"], answer["span"], answer["loop"], passes)


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
    """The outcome of a wait: the interrupts since the wait before, and the status that they delivered."""

    interrupts: int
    timed_out: bool
    pending: tuple[RegionPending, ...]

    def senders(self, handle: int) -> int:
        """Bits of the indices that have signalled region ``handle``."""
        return next((item.senders for item in self.pending if item.handle == handle), 0)

    def joined(self, later: InterruptWait) -> InterruptWait:
        """The outcome of this wait and the one after it together."""
        pending = tuple(
            RegionPending(item.handle, item.senders | self.senders(item.handle), item.members) for item in later.pending
        )
        return InterruptWait(self.interrupts + later.interrupts, later.timed_out, pending)

    @classmethod
    def of(cls, answer: Answer) -> Self:
        pending = (
            RegionPending(item["handle"], number(item["senders"]), number(item["members"]))
            for item in answer["pending"]
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
                item["handle"], number(item["members"]), item["changes"], item["echoed"], tuple(item["signals"])
            )
            for item in answer["regions"]
        )
        return cls(answer["taken"], answer["owned"], answer["disowned"], answer["faults"], tuple(regions))


@dataclass(frozen=True)
class RoundTrips:
    """Times from a signal to the peer's answering signal, both by interrupt or both by polling.

    ``lost`` is whether a round had no answer within four seconds, which ended the measurement. ``interrupts`` is how
    many were taken meanwhile; ``histogram`` has pairs of (upper limit in ns, count).
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
        first = tuple(Finding(number(item["address"]), number(item["value"])) for item in answer["first"])
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
