# SPDX-License-Identifier: Apache-2.0
"""The probe's commands against a device: what the client says is what the guest did, and the host saw it."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from harness.guest.framing import Frame, Kind, encode
from harness.guest.probe import Memory, Probe, ProbeDeviceError, ProbeError, ProbeFaultError
from harness.shmem.registers import PAGE_SIZE, SHMEM_OFFSET, SIGNATURE
from harness.shmem.status import Status
from tests.probe.fill_pattern import pattern
from tests.probe.pair import Pair, running_pair

_SEED = 0xFEEDFACE12345678


def _attach(probe: Probe, name: str | bytes, pages: int) -> int:
    attachment = probe.attach(name, pages)
    assert attachment.status == Status.OK
    assert attachment.handle is not None
    return attachment.handle


def test_the_device_is_found_where_it_was_placed(pair: Pair) -> None:
    (device,) = pair.one.find()
    assert (device.placement, device.signature) == ("pci", SIGNATURE)
    assert device.pci is not None
    assert (device.pci.vendor_id, device.pci.device_id, device.pci.interrupt_pin) == (0x1C05, 1, 1)
    bars = {bar.bar: bar for bar in device.pci.bars}
    assert (bars[0].size, bars[0].address) == (PAGE_SIZE, device.factory)
    # On a PC it has 32 bits as long as they are enough.
    assert (bars[2].prefetchable, bars[2].size) == (True, 256 << 20)
    assert bars[2].address % bars[2].size == 0


def test_looking_again_does_not_move_the_device(pair: Pair) -> None:
    before = pair.one.find()
    _attach(pair.one, "stays", 4)
    pair.one.fill(0, 4096, _SEED)
    assert pair.one.find() == before
    assert pair.one.verify(0, 4096, _SEED).mismatches == 0


def test_attach_reports_the_registers(pair: Pair) -> None:
    one = pair.one.attach("common", 4)
    assert (one.status, one.size, one.index, one.control_status) == (0, 4, 0, 0x10000)
    two = pair.two.attach("common", 9)
    assert (two.status, two.size, two.index, two.control_status) == (0, 4, 1, 0x30000)
    assert pair.one.status().members == 3
    factory = pair.two.factory()
    assert (factory.status, factory.shmem, factory.size, factory.signature) == (0, two.shmem, 4, SIGNATURE)
    assert factory.name.startswith(b"common\0")


def test_a_refusal_has_a_status_and_no_handle(pair: Pair) -> None:
    refused = pair.two.attach("secret", 1)
    assert (refused.attached, refused.status, refused.handle) == (False, Status.NO_PERMISSION, None)
    assert pair.two.handles() == ()
    with pytest.raises(ProbeError, match="no region is attached"):
        pair.two.read("data", 0, 4)


def test_a_grant_that_no_device_may_give_is_named(tmp_path: Path) -> None:
    """A page of memory in the place of the factory page grants everything and keeps what it was told."""
    with running_pair("aarch64", "pci", tmp_path) as pair:
        page = pair.one.attach("page", 1)
        pair.one.poke(0, SIGNATURE.to_bytes(8, "little"))
        pair.one.register_device(page.shmem + PAGE_SIZE, 43)
        for address, pages, said in (
            (0, 1, "no address of a page"),
            (0x40000004, 1, "no address of a page"),
            (0x40000000, 0, "no size of a region"),
            (page.shmem + PAGE_SIZE, 1, "no index of a client"),
        ):
            pair.one.poke(SHMEM_OFFSET, address.to_bytes(8, "little"))
            with pytest.raises(ProbeDeviceError, match=said):
                pair.one.attach("fake", pages)


def test_patterns_are_the_same_on_both_sides(pair: Pair) -> None:
    size = 64 * PAGE_SIZE
    _attach(pair.one, "pattern", 64)
    _attach(pair.two, "pattern", 1)
    pair.one.fill(0, size, _SEED)
    assert pair.two.verify(0, size, _SEED).mismatches == 0
    assert pair.two.checksum(0, size) == zlib.crc32(pattern(_SEED, 0, size))
    for offset, length in ((0, 8), (3, 2), (5, 11), (4091, 5000), (size - 1, 1), (7, 0)):
        assert pair.two.peek(offset, length) == pattern(_SEED, offset, length)


def test_unaligned_parts_are_filled_and_nothing_else(pair: Pair) -> None:
    _attach(pair.one, "parts", 2)
    pair.one.fill(0, 2 * PAGE_SIZE, 1)
    pair.one.fill(4091, 13, 2)
    expected = bytearray(pattern(1, 0, 2 * PAGE_SIZE))
    expected[4091:4104] = pattern(2, 4091, 13)
    assert pair.one.peek(0, 2 * PAGE_SIZE) == bytes(expected)


def test_mismatches_are_counted_and_the_first_is_reported(pair: Pair) -> None:
    _attach(pair.one, "mismatch", 1)
    pair.one.fill(0, PAGE_SIZE, _SEED)
    right = pattern(_SEED, 0, PAGE_SIZE)
    pair.one.poke(100, bytes(byte ^ 0xFF for byte in right[100:110]))
    result = pair.one.verify(0, PAGE_SIZE, _SEED)
    assert result.mismatches == 10
    assert result.first is not None
    assert (result.first.offset, result.first.expected, result.first.found) == (100, right[100], right[100] ^ 0xFF)


def test_several_regions_are_distinguished(pair: Pair) -> None:
    first, second = _attach(pair.one, "first", 1), _attach(pair.one, "second", 2)
    assert {handle.handle: (handle.size, handle.current) for handle in pair.one.handles()} == {
        first: (1, False),
        second: (2, True),
    }
    pair.one.write("data", 8, 8, 11, handle=first)
    pair.one.write("data", 8, 8, 22)
    assert pair.one.read("data", 8, 8, handle=first) == 11
    pair.one.use(first)
    assert pair.one.read("data", 8, 8) == 11
    assert pair.one.read("data", 8, 8, handle=second) == 22
    with pytest.raises(ProbeError, match="outside the page"):
        pair.one.read("data", PAGE_SIZE, 1)


def test_detach_is_seen_by_the_peer_and_ends_the_handle(pair: Pair) -> None:
    handle = _attach(pair.one, "left", 1)
    _attach(pair.two, "left", 1)
    assert pair.two.status().members == 3
    left = pair.one.detach(handle, value=0xFFFFFFFF)
    assert left.data == left.control + PAGE_SIZE
    assert pair.two.status().members == 2
    with pytest.raises(ProbeError, match="no such handle"):
        pair.one.read("data", 0, 4, handle=handle)
    assert _attach(pair.one, "left", 1) == handle


@pytest.mark.parametrize("name", [b"a b", b"at@sign", b"tilde~", b"\xff\x01", b"per%cent", b"x" * 31])
def test_names_of_any_bytes_arrive_as_they_are(pair: Pair, name: bytes) -> None:
    pair.one.set_name("previous-name-that-is-longer")
    pair.one.set_name(name)
    assert pair.one.factory().name.startswith(name + b"\0")


def test_the_rest_of_a_damaged_request_is_not_taken_for_a_typed_command(pair: Pair) -> None:
    pair.one.set_name("kept")
    pair.one.link.transport.write(encode(Frame(Kind.REQUEST, 1, "setname lost"))[26:])
    assert pair.one.factory().name.startswith(b"kept\0")


def test_an_empty_name_and_a_full_one(pair: Pair) -> None:
    pair.one.set_name(b"y" * 32)
    assert pair.one.factory().name == b"y" * 32
    pair.one.set_name("")
    assert pair.one.factory().name == b"\0" + b"y" * 31
    with pytest.raises(ProbeError, match="at most 32 bytes"):
        pair.one.set_name(b"z" * 33)


def test_the_window_shows_no_region_that_was_refused(pair: Pair) -> None:
    handle, mark = _attach(pair.one, "secret", 16), 0x5EC2E75EC2E75EC2
    pair.one.stamp(0, 16 * PAGE_SIZE, PAGE_SIZE, mark, handle=handle)
    assert not pair.two.attach("secret", 16).attached
    assert pair.two.scan_window(step=PAGE_SIZE, needle=mark).hits == 0
    # Its owner does see it, once on each page; the control page of an attached region is left out.
    scan = pair.one.scan_window(step=PAGE_SIZE, needle=mark)
    assert (scan.hits, scan.skipped_pages) == (16, 1)


def test_a_scan_takes_no_signal(pair: Pair) -> None:
    _attach(pair.one, "signal", 1)
    _attach(pair.two, "signal", 1)
    pair.one.status()
    pair.two.write("control", 8, 4, 1)
    pair.one.scan_window(step=PAGE_SIZE)
    assert pair.one.status().pending == 2


def test_device_memory_is_strict_where_the_architecture_is(pair: Pair) -> None:
    if pair.architecture == "x86_64":
        assert pair.one.read("factory", 1, 4) == SIGNATURE >> 8 & 0xFFFFFFFF
        return
    with pytest.raises(ProbeFaultError, match="alignment"):
        pair.one.read("factory", 1, 4)


def test_only_the_memory_that_is_measured_is_written(pair: Pair) -> None:
    _attach(pair.one, "speed", 16)
    pair.one.fill(0, 16 * PAGE_SIZE, _SEED)
    pair.one.bench("write", "private", 4096, 16 * PAGE_SIZE)
    pair.one.bench("read", "region", 4096, 16 * PAGE_SIZE)
    assert pair.one.verify(0, 16 * PAGE_SIZE, _SEED).mismatches == 0
    pair.one.bench("copy", "region", 4096, 16 * PAGE_SIZE)
    assert pair.one.verify(0, 8 * PAGE_SIZE, _SEED).mismatches == 0
    assert pair.one.verify(8 * PAGE_SIZE, 8 * PAGE_SIZE, _SEED).mismatches > 0


def test_figures_of_region_and_private_memory(pair: Pair) -> None:
    _attach(pair.one, "speed", 64)
    memories: tuple[Memory, ...] = ("region", "private")
    for memory in memories:
        result = pair.one.bench("copy", memory, 4096, 1 << 20)
        assert (result.bytes, result.block, result.span) == (1 << 20, 4096, 64 * PAGE_SIZE)
    comparison = pair.one.compare("write", 4096, 1 << 18, 20)
    assert (comparison.bytes, comparison.region.count, comparison.private.count) == (1 << 18, 20, 20)
    print(f"{pair.architecture}: region at {comparison.ratio:.2f} of private memory")
    trapped = pair.one.timed("control", 4, 4, 100)
    assert trapped.count == 100
    print(f"{pair.architecture}: a trapped read takes {trapped.median_ns / 1000:.0f} us")
