# SPDX-License-Identifier: Apache-2.0
"""What the probe measures with another guest, and that it notices what goes wrong meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.guest.probe import Memory, ProbeError, Work
from harness.guest.probe_figures import (
    How,
    Party,
    Worker,
    clock_reading,
    exchange,
    polled_round_trips,
    requests,
    samples,
    signals,
    stream,
    together,
)
from harness.measure.clock import Offset
from harness.measure.statistics import percentile
from harness.shmem.status import Status
from tests.probe.pair import Pair

ROUNDS = 40
PAGES = 64
RING = 4096
MESSAGE_HEADER = 64
OPENED = 0
SENT = 64


def parties(pair: Pair, *, listening: bool = False) -> tuple[Party, Party]:
    """Both guests in one region, and with ``listening`` both take its interrupts."""
    found = []
    for probe in (pair.one, pair.two):
        answer = probe.attach("figures", PAGES)
        assert answer.handle is not None
        assert answer.index is not None
        found.append(Party(probe, answer.handle, answer.index))
        if listening:
            probe.irq_on("message" if pair.architecture == "x86_64" else "pin")
    return found[0], found[1]


def test_every_time_of_polled_round_trips_is_told(pair: Pair) -> None:
    one, two = parties(pair)
    trips = polled_round_trips(one, two, ROUNDS)
    times = sorted(samples(pair.one))
    assert (trips.lost, trips.timing.count, len(times)) == (False, ROUNDS, ROUNDS)
    assert (trips.timing.min_ns, trips.timing.max_ns) == (times[0], times[-1])
    assert trips.timing.median_ns == times[ROUNDS // 2]
    assert trips.timing.p90_ns == times[ROUNDS * 9 // 10 - 1]
    assert trips.timing.p99_ns == trips.timing.p999_ns == times[-1]


def test_polled_signals_are_timed_by_way(pair: Pair) -> None:
    """By the serving guest's own clock each signal is seen in its round, as far as the clocks are known."""
    seen = signals(*parties(pair), ROUNDS, "poll")
    assert (seen.trips.lost, len(seen.begins), len(seen.around), len(seen.taken)) == (False, ROUNDS, ROUNDS, ROUNDS)
    offset, slack = Offset(seen.exchanges), max(one.uncertain for one in seen.exchanges)
    for begin, around, taken in zip(seen.begins, seen.around, seen.taken, strict=True):
        assert begin - slack <= offset.own(taken) <= begin + around + slack


def test_many_times_come_in_several_answers(pair: Pair) -> None:
    parties(pair)
    count = 4500
    timing = pair.one.timed("data", 0, 8, count)
    times = samples(pair.one)
    assert len(times) == count
    assert timing.p99_ns <= timing.p999_ns <= timing.max_ns == max(times)
    assert timing.mean_ns == sum(times) // count


def test_requests_that_are_granted_are_left_each_time(pair: Pair) -> None:
    peer = pair.two.attach("figures", PAGES)
    assert peer.handle is not None
    before = pair.two.status(handle=peer.handle).members
    seen = requests(pair.one, "figures", PAGES, ROUNDS)
    assert (seen.status, seen.request.count, seen.detach.count) == (Status.OK, ROUNDS, ROUNDS)
    times = samples(pair.one)
    assert (min(times[::2]), max(times[1::2])) == (seen.request.min_ns, seen.detach.max_ns)
    assert min(times) > 0
    assert pair.two.status(handle=peer.handle).members == before


def test_requests_that_are_refused_leave_nothing(pair: Pair) -> None:
    seen = requests(pair.one, "large", 0x7FFF_FFFF, ROUNDS)
    assert (seen.status, len(samples(pair.one))) == (Status.NOMEM, 2 * ROUNDS)
    assert (seen.request.min_ns > 0, seen.detach.max_ns) == (True, 0)


def test_no_requests_and_no_names_are_not_timed(pair: Pair) -> None:
    with pytest.raises(ProbeError, match="at least one request"):
        requests(pair.one, "figures", PAGES, 0)
    with pytest.raises(ProbeError, match="at most 32 bytes"):
        requests(pair.one, "n" * 33, PAGES, 1)


@pytest.mark.parametrize("how", ["poll", "signal"])
@pytest.mark.parametrize("size", [64, 4096, 65536])
def test_messages_arrive_once_and_unchanged(pair: Pair, how: How, size: int) -> None:
    one, two = parties(pair, listening=how == "signal")
    for sender, receiver in ((one, two), (two, one)):
        seen = stream(sender, receiver, size=size, messages=300, how=how)
        assert seen.intact, seen
        assert (seen.receiver.moved, seen.receiver.wrong) == (300, 0)
        signals, sleeps = (getattr(seen.sender, what) + getattr(seen.receiver, what) for what in ("signals", "sleeps"))
        # Three large messages fit into the ring, so that the faster side has to wait a hundred times.
        assert how == "poll" or size < 65536 or (signals > 0 and sleeps > 0)
        assert how == "signal" or (signals, sleeps) == (0, 0)


def sent_while(pair: Pair, size: int, messages: int, meddle: str) -> tuple[int, int, str]:
    """How many messages of a stream are wrong after a command to the receiver before it has taken any, which is the
    first, and what of it."""
    one, two = parties(pair)
    session = 0x5EED
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(one.command, f"stream send {size} {messages} {two.index} {session} poll")
        while two.probe.read("data", SENT, 8) < messages:
            assert not sending.done()
        if meddle:
            two.command(meddle)
        received = two.command(f"stream receive {size} {messages} {one.index} {session} poll")
        sending.result()
    return received["wrong"], received["first_wrong"], received["what_is_wrong"]


@pytest.mark.parametrize(
    ("meddle", "wrong"),
    [
        ("", (0, 0, "")),
        (f"poke {RING + MESSAGE_HEADER + 17:#x} 5a", (1, 0, "checksum")),
        (f"poke {RING:#x} 07", (1, 0, "number")),
        (f"poke {RING + 8:#x} 07", (1, 0, "length")),
        (f"poke {RING + 3 * (MESSAGE_HEADER + 128):#x} 07", (1, 3, "number")),
    ],
    ids=["untouched", "payload", "number", "length", "number of the fourth"],
)
def test_a_changed_message_is_noticed(pair: Pair, meddle: str, wrong: tuple[int, int, str]) -> None:
    assert sent_while(pair, 128, 5, meddle) == wrong


def test_pieces_of_a_payload_that_change_places_are_noticed(pair: Pair) -> None:
    """A plain sum of the words would not."""
    one, two = parties(pair)
    session = 0x5EEE
    first = RING + MESSAGE_HEADER
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(one.command, f"stream send 128 1 {two.index} {session} poll")
        while two.probe.read("data", SENT, 8) < 1:
            assert not sending.done()
        payload = two.probe.peek(first, 128)
        two.probe.poke(first, payload[64:] + payload[:64])
        received = two.command(f"stream receive 128 1 {one.index} {session} poll")
        sending.result()
    assert payload[64:] != payload[:64]
    assert received["wrong"] == 1


@pytest.mark.parametrize("line", [0, 64, 192])
def test_bytes_of_an_earlier_stream_are_noticed(pair: Pair, line: int) -> None:
    """A cache line of the payload that has not arrived still has what the stream before wrote there."""
    one, two = parties(pair)
    payload = RING + MESSAGE_HEADER

    def message(session: int, old: bytes) -> tuple[bytes, int]:
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(one.command, f"stream send 256 1 {two.index} {session} poll")
            while two.probe.read("data", OPENED, 8) != session or two.probe.read("data", SENT, 8) < 1:
                assert not sending.done()
            sent = two.probe.peek(payload, 256)
            two.probe.poke(payload + line, old)
            received = two.command(f"stream receive 256 1 {one.index} {session} poll")
            sending.result()
        return sent, received["wrong"]

    first, wrong = message(0x5E01, b"")
    assert wrong == 0
    assert message(0x5E02, first[line : line + 64])[1] == 1


@pytest.mark.long
def test_a_signal_that_does_not_come_is_lost(pair: Pair) -> None:
    """The receiver listens to a line that nobody has; it sleeps until its limit of ten seconds."""
    one, two = parties(pair, listening=True)
    two.probe.irq_off()
    two.probe.irq_on(9 if pair.architecture == "x86_64" else 90)
    seen = stream(one, two, size=64, messages=1000, how="signal")
    assert seen.receiver.lost
    assert not seen.intact


@pytest.mark.parametrize("work", ["write", "read", "copy"])
def test_comparisons_are_told_as_pairs(pair: Pair, work: Work) -> None:
    parties(pair)
    for block, loops in ((8, {"single words"}), (64, {"vectors", "words"}), (4096, {"vectors", "words"})):
        compared = pair.one.compare(work, block, 1 << 16, 11)
        times = samples(pair.one)
        assert compared.loop in loops
        assert len(times) == 22
        assert percentile(times[::2], 0.5) == compared.region.median_ns
        assert percentile(times[1::2], 0.5) == compared.private.median_ns


def test_copies_move_the_bytes(pair: Pair) -> None:
    """From the first half of the span to the second, which is walked backwards; for every size of block."""
    parties(pair)
    half = PAGES * 4096 // 2
    for seed, block in enumerate((8, 24, 64, 192, 4096)):
        pair.one.fill(0, half, seed)
        pair.one.bench("copy", "region", block, half)
        last = 2 * half - block
        assert pair.one.peek(last, block) == pair.one.peek(0, block)


def test_clocks_of_two_guests_are_compared(pair: Pair) -> None:
    """What the harness sees of the clocks, one after the other, has to allow it."""
    one, two = parties(pair)
    first, other, last = (clock_reading(probe).guest * 1e9 for probe in (pair.one, pair.two, pair.one))
    seen = exchange(one, two)
    # The rates of the clocks may differ by so much, from the first reading until the exchange has ended.
    slack = 0.01 * (seen.heard - first) + seen.uncertain
    assert other - last - slack <= seen.ahead <= other - first + slack
    assert first < seen.asked <= seen.heard
    # Both ways have the same length but for what is uncertain, so that the other one sees as much.
    back = exchange(two, one)
    assert abs(seen.ahead + back.ahead) <= seen.uncertain + back.uncertain + 0.01 * (back.answered - seen.asked)


def test_signals_are_timed_by_way(pair: Pair) -> None:
    one, two = parties(pair, listening=True)
    seen = signals(one, two, ROUNDS)
    assert (seen.trips.lost, seen.trips.interrupts) == (False, ROUNDS)
    assert len(seen.begins) == len(seen.taken) == len(seen.around) == ROUNDS
    assert seen.trips.timing.max_ns == max(seen.around)
    offset = Offset(seen.exchanges)
    assert offset.covers(seen.taken[0], seen.taken[-1])
    # The peer has taken each signal between its beginning and its end, as far as the clocks are known.
    slack = max(one.uncertain for one in seen.exchanges) + 0.01 * sum(seen.around)
    for begin, taken, around in zip(seen.begins, seen.taken, seen.around, strict=True):
        assert begin - slack <= offset.own(taken) <= begin + around + slack


def test_the_handler_keeps_times_only_when_it_is_asked_to(pair: Pair) -> None:
    """Else it would write among the samples of another measurement."""
    one, two = parties(pair, listening=True)
    for times in (False, True):
        pair.two.timed("data", 0, 8, 3)
        before = samples(pair.two)
        pair.two.irq_serve(2, times=times, handle=two.handle)
        pair.one.pingpong(two.index, 2, handle=one.handle)
        after = samples(pair.two)
        assert (after == before) is not times
        assert len(after) == (2 if times else 3)
        assert after == sorted(after) or not times


def test_guests_work_together_for_a_time(pair: Pair) -> None:
    """One of them writes the region behind its first page; with private RAM nothing of the region changes there."""
    one, two = parties(pair)
    behind = PAGES * 4096 - RING
    pair.one.fill(RING, behind, 7)
    workers = [Worker(one, "write"), Worker(two, "copy")]
    memories: list[tuple[Memory, bool]] = [("private", False), ("region", True)]
    for memory, changed in memories:
        shares = together(workers, memory, 4096, 20)
        for share, probe in zip(shares, (pair.one, pair.two), strict=True):
            assert (share.span, share.bytes, share.ns >= 20_000_000) == (behind, behind * share.passes.count, True)
            assert sorted(samples(probe))[share.passes.count // 2] == share.passes.median_ns
            assert share.megabytes_per_second > 0 < share.megabytes_per_second_of_a_pass
        assert (pair.two.verify(RING, behind, 7).mismatches > 0) is changed


def test_guests_begin_together(pair: Pair) -> None:
    one, two = parties(pair)
    session, both = 0x5EEF, 1 << one.index | 1 << two.index
    command = f"together read region 4096 1 {both:#x} {session}"
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(one.command, command)
        while two.probe.read("data", 64 * one.index, 8) != session:
            assert not first.done()
        for _ in range(20):
            two.probe.identify()
        assert not first.done()
        assert two.command(command)["ns"] >= 1_000_000
        assert first.result()["ns"] >= 1_000_000


def copied(pair: Pair, block: int, blocks: int, seed: int) -> set[int]:
    """Which blocks of the first half of the region a copy of so many blocks has taken.

    The pass before it, untimed, goes by pages: there the blocks of a page are in another order in the target.
    """
    half = PAGES * 4096 // 2
    pair.one.fill(0, half, 7)
    answer = pair.one.command(f"bench copy region {block} {block * blocks} {2 * half} {seed}")
    assert (answer["seed"], answer["bytes"]) == (seed, block * blocks)
    source, target = pair.one.peek(0, half), pair.one.peek(half, half)
    end = len(target)
    return {
        place
        for place in range(half // block)
        if source[place * block :][:block] == target[end - (place + 1) * block : end - place * block]
    }


@pytest.mark.parametrize("block", [24, 64, 512])
def test_a_random_order_has_every_block_once(pair: Pair, block: int) -> None:
    """A quarter of the blocks are a quarter of all, and not the first ones; all of them are all."""
    parties(pair)
    whole = PAGES * 4096 // 2 // block
    assert copied(pair, block, whole, 1) == set(range(whole))
    quarter, other = copied(pair, block, whole // 4, 1), copied(pair, block, whole // 4, 2)
    assert len(quarter) == len(other) == whole // 4
    assert quarter != other
    # As many of the first half as of the second, but for chance; in order there would be all of the former.
    assert whole // 32 < sum(place < whole // 2 for place in quarter) < whole // 4 - whole // 32
    assert copied(pair, block, whole // 4, 0) == set(range(whole // 4))


def test_pieces_at_random_go_on_in_their_order(pair: Pair) -> None:
    """So that many short pieces see the whole region and not the same blocks again and again."""
    parties(pair)
    answer = pair.one.command(f"compare write 4096 {PAGES * 4096 // 4} 3 region 1")
    assert answer["place"] == 3 * PAGES // 4
    assert pair.one.command(f"compare write 4096 {PAGES * 4096 // 4} 3")["place"] == 0


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("bench write region 12 4096", "usage"),
        ("bench write region 96 4096", "usage"),
        ("compare write 64 64 1 somewhere", "usage"),
        ("compare write 64 64 1 ivshmem", "state"),
        ("doorbell on", "state"),
        ("clocks ask 1 5", "usage"),
        ("clocks ask 5 0", "usage"),
        ("clocks tell 5 5", "usage"),
        ("clocks ask 5 5 ivshmem", "state"),
        ("together fly region 4096 1 1 1", "usage"),
        ("together read ivshmem 4096 1 1 1", "usage"),
        ("together read region 100 1 1 1", "usage"),
        ("together read region 4096 10001 1 1", "usage"),
        ("samples 99999", "usage"),
        ("pingpong 1 5", "state"),
        ("stream send 63 1 1 1 poll", "usage"),
        ("stream send 64 1 1 0 poll", "usage"),
        ("stream send 64 1 1 1 signal", "state"),
        ("stream fly 64 1 1 1 poll", "usage"),
    ],
)
def test_what_cannot_be_measured_is_said(pair: Pair, command: str, kind: str) -> None:
    parties(pair)
    with pytest.raises(ProbeError) as caught:
        pair.one.command(command)
    assert caught.value.kind == kind


def test_who_listens_does_not_poll(pair: Pair) -> None:
    """Its interrupt handler takes what it would read."""
    one, two = parties(pair, listening=True)
    for command in (f"pingpong {two.index} 5 poll", f"answer {two.index} 5"):
        with pytest.raises(ProbeError, match="interrupts are"):
            one.command(command)
