# SPDX-License-Identifier: Apache-2.0
"""Measurements that need two guests at once, or every single time of one (docs/probe.md, "Figures").

Two guests work at the same moment, each on its own console, so the one that waits for the other has a thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Final, Literal, TypeVar

from harness.guest.probe import TIMEOUT, Memory, Probe, Work
from harness.guest.probe_measurements import RequestTimes, RoundTrips, Share
from harness.measure.clock import Exchange, Reading
from harness.shmem.name_lists import encode_name

How = Literal["poll", "signal"]

_Result = TypeVar("_Result")

_BUSY: Final = 60.0
"""Seconds that a guest is left alone while it measures; the peer's absence takes it ten to notice."""

_EXCHANGES: Final = 2000

_sessions = count(1)


@dataclass(frozen=True)
class Party:
    """One of two guests: its probe, the handle of the region that it shares with the other, and its index there."""

    probe: Probe
    handle: int | None
    index: int

    def command(self, text: str) -> dict[str, Any]:
        """The answer of a command that takes a while."""
        return self.probe.command(text, handle=self.handle, timeout=_BUSY + TIMEOUT, busy=_BUSY)


@dataclass(frozen=True)
class End:
    """What one end of a stream says: how long it took, how many messages it has moved, and what it saw of them.

    ``wrong`` messages had another number, length or checksum than the sender's: ``what_is_wrong`` with message
    ``first_wrong``, the first of them. ``lost`` is whether it slept until the limit although a signal was due.
    ``sleeps`` may end by one signal together.
    """

    ns: int
    complete: bool
    moved: int
    slots: int
    wrong: int
    first_wrong: int
    what_is_wrong: str
    signals: int
    sleeps: int
    lost: bool


@dataclass(frozen=True)
class Stream:
    """``messages`` of ``size`` bytes that went from one guest to another."""

    size: int
    messages: int
    sender: End
    receiver: End

    @property
    def intact(self) -> bool:
        """Whether every message has arrived, once and unchanged, and no signal was lost."""
        ends = (self.sender, self.receiver)
        whole = all(end.complete and not end.lost and end.moved == self.messages for end in ends)
        return whole and self.receiver.wrong == 0

    @property
    def messages_per_second(self) -> float:
        """By the sender's clock, from its first message until the receiver had taken the last one."""
        return self.messages * 1e9 / self.sender.ns

    @property
    def megabytes_per_second(self) -> float:
        """10^6 bytes of payload per second."""
        return self.messages_per_second * self.size / 1e6


def clock_reading(probe: Probe) -> Reading:
    """What the guest's clock says, and when it was asked, by the harness's."""
    before = time.monotonic()
    guest = probe.command("clock")["ns"] / 1e9
    return Reading(before, guest, time.monotonic())


def samples(probe: Probe) -> list[int]:
    """All times of the guest's last measurement, in their order, in nanoseconds.

    After ``compare`` they are pairs: shared memory, private memory.
    """
    told: list[int] = []
    while True:
        answer = probe.command(f"samples {len(told)}")
        told += answer["samples"]
        if len(told) >= answer["count"]:
            return told


def samples_us(probe: Probe) -> list[float]:
    """The same in microseconds."""
    return [nanoseconds / 1000 for nanoseconds in samples(probe)]


def requests(probe: Probe, name: str, pages: int, count: int) -> RequestTimes:
    """``count`` (at most 8192) requests for a region, each timed; what is granted is left at once.

    The samples are pairs, of the request and of leaving. Raises ProbeDeviceError where equal requests have different
    statuses.
    """
    command = f"requests {encode_name(name)} {pages} {count}"
    return RequestTimes.of(probe.command(command, timeout=_BUSY + TIMEOUT, busy=_BUSY))


def polled_round_trips(asking: Party, serving: Party, rounds: int, *, times: bool = False) -> RoundTrips:
    """Signals and their answers, where each side reads its status register until the other's bit is there.

    Neither may listen to interrupts, whose handler reads that register. With ``times``, the samples of the asking guest
    are pairs: when a round began, and its time. Those of the other are when it saw each signal.
    """
    with _meanwhile(lambda: serving.command(f"answer {asking.index} {rounds}")):
        return RoundTrips.of(asking.command(f"pingpong {serving.index} {rounds} poll{' times' if times else ''}"))


def stream(sender: Party, receiver: Party, *, size: int, messages: int, how: How) -> Stream:
    """Send messages of ``size`` bytes (a multiple of 64) through a ring in the region that both have attached.

    Who has to wait polls the ring, or with ``signal`` sleeps until the other wakes it; then both have to listen.
    Parties without a handle have the memory of an ivshmem device, and poll.
    """
    session = next(_sessions)
    words, end = f"{size} {messages}", how if sender.handle is not None else f"{how} ivshmem"
    with _meanwhile(lambda: receiver.command(f"stream receive {words} {sender.index} {session} {end}")) as other:
        sent = sender.command(f"stream send {words} {receiver.index} {session} {end}")
    return Stream(size, messages, End(**sent), End(**other.result()))


@dataclass(frozen=True)
class Signals:
    """Round trips of signals: when each began, by the asker's clock, its time, and when the peer took it, by its own.

    ``exchanges`` say how far the two clocks were apart before and after. All times are nanoseconds.
    """

    trips: RoundTrips
    begins: tuple[int, ...]
    around: tuple[int, ...]
    taken: tuple[int, ...]
    exchanges: tuple[Exchange, Exchange]


def exchange(asking: Party, answering: Party) -> Exchange:
    """What the clocks of two guests say at the same moment: the quickest of many exchanges through their memory."""
    words = f"{_EXCHANGES} {next(_sessions)}{'' if asking.handle is not None else ' ivshmem'}"
    with _meanwhile(lambda: answering.command(f"clocks answer {words}")):
        answer = asking.command(f"clocks ask {words}")
    return Exchange(answer["asked_ns"], answer["answered_ns"], answer["heard_ns"])


def signals(asking: Party, serving: Party, rounds: int, how: How = "signal") -> Signals:
    """Signals and their answers, by way. With ``signal`` both listen, with ``poll`` neither does.

    Between guests of ivshmem they go by their doorbells.
    """
    first = exchange(asking, serving)
    if asking.handle is None:
        serving.command(f"doorbell serve {asking.index} {rounds} times")
        trips = RoundTrips.of(asking.command(f"doorbell ring {serving.index} {rounds} times"))
    elif how == "poll":
        trips = polled_round_trips(asking, serving, rounds, times=True)
    else:
        serving.probe.irq_serve(rounds, times=True, handle=serving.handle)
        trips = asking.probe.pingpong(serving.index, rounds, times=True, handle=asking.handle)
    told, taken = samples(asking.probe), samples(serving.probe)
    # A round that was lost has no end.
    begins, around = tuple(told[::2]), tuple(told[1::2])
    return Signals(trips, begins, around, tuple(taken[: len(begins)]), (first, exchange(asking, serving)))


@dataclass(frozen=True)
class Worker:
    """One of several guests that work in a region at the same time, and what it does there."""

    party: Party
    work: Work


def together(workers: Sequence[Worker], memory: Memory, block: int, milliseconds: int) -> list[Share]:
    """What each of the guests moves in so many milliseconds, which begin when all of them are there.

    They work in the region behind its first page, or in private memory of each.
    """
    session, everyone = next(_sessions), sum(1 << worker.party.index for worker in workers)
    end = f"{memory} {block} {milliseconds} {everyone:#x} {session}"
    with ThreadPoolExecutor(len(workers)) as pool:
        answers = [pool.submit(worker.party.command, f"together {worker.work} {end}") for worker in workers]
    return [Share.of(answer.result()) for answer in answers]


@contextmanager
def _meanwhile(work: Callable[[], _Result]) -> Iterator[Future[_Result]]:
    """Let another guest work while this one does; its error, if there is one, is raised at the end."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        yield future
    future.result()
