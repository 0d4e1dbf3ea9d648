# SPDX-License-Identifier: Apache-2.0
"""What becomes of a guest whose window cannot be changed: isolation comes before its life."""

from __future__ import annotations

import os

import pytest

from harness.emulator import shortages
from harness.emulator.window import Mapper, NoAnswer, QemuEnded, Window, WindowBroken
from harness.shmem import registers as reg
from harness.shmem.profile import PROFILES, Profile
from harness.shmem.status import Status
from tests.emulator.devices import bench


def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.emulator.window.mapper._TIMEOUT", 0.05)
    mapper = Mapper()
    window = Window(mapper)
    try:
        with pytest.raises(NoAnswer):
            window.hide(0, 1)
        with pytest.raises(BrokenPipeError):
            mapper.child.sendall(bytes(4))
        with pytest.raises(NoAnswer):
            window.hide(0, 1)
    finally:
        window.close()
        mapper.close()


def test_the_end_of_qemu_is_distinguished_from_a_failure() -> None:
    mapper = Mapper()
    window = Window(mapper)
    try:
        mapper.child.close()
        for _ in range(2):
            with pytest.raises(QemuEnded):
                window.hide(0, 1)
    finally:
        window.close()
        mapper.close()


def test_a_slot_that_is_too_small_is_no_shortage_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that chooses such a slot is wrong, which a verdict has to say."""
    monkeypatch.setattr("harness.emulator.shortages._noted", [])
    mapper = Mapper()
    window = Window(mapper)
    try:
        with pytest.raises(WindowBroken, match="slot 0 has no room for 4096 pages"):
            window.show(0, 0, window.room(0) + 1)
        assert shortages.noted() == []
    finally:
        window.close()
        mapper.close()


@pytest.mark.parametrize("error", [WindowBroken("cannot map"), NoAnswer("no answer")])
def test_a_region_that_cannot_be_taken_away_ends_qvm(error: WindowBroken) -> None:
    with bench(PROFILES["7.0"]) as host:
        guest, peer = host.device(), host.device(system="two")
        guest.request("talk")
        peer.request("talk")
        host.machines["one"].mapper.error = error
        guest.detach()
        assert host.machines["one"].broken == [f"vdev shmem: cannot take a region away: {error}"]
        assert peer.control(reg.CONTROL_STATUS_OFFSET) >> 16 == 0b10


def test_private_memory_that_cannot_be_erased_ends_qvm(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with bench(PROFILES["7.0"]) as host:
        guest = host.device()
        guest.request("talk")
        monkeypatch.setattr(Window, "_erase", full)
        guest.detach()
        assert "No space left" in host.machines["one"].broken[0]
        assert host.regions() == []


def test_a_qemu_that_has_ended_shows_nothing_any_more() -> None:
    with bench(PROFILES["7.0"]) as host:
        guest = host.device()
        guest.request("talk")
        host.machines["one"].mapper.error = QemuEnded("QEMU has ended")
        guest.detach()
        assert (host.machines["one"].broken, host.regions()) == ([], [])


@pytest.mark.parametrize(("error", "ends"), [(WindowBroken("cannot map"), False), (NoAnswer("no answer"), True)])
def test_a_region_that_cannot_be_shown_is_refused_and_one_that_may_appear_late_ends_qvm(
    error: WindowBroken, ends: bool
) -> None:
    with bench(PROFILES["7.0"]) as host:
        guest = host.device()
        host.machines["one"].mapper.error = error
        assert guest.request("talk") == Status.UNKNOWN_FAILURE
        assert host.regions() == []
        assert bool(host.machines["one"].broken) == ends


def test_what_was_left_full_of_ones_takes_a_little_memory_and_no_long_time() -> None:
    """A region of any size is taken away inside a request; its pages cost nothing while nobody has stored to them."""
    with bench(Profile.load("7.0", {"detached_window": "ones"})) as host:
        guest = host.device()
        window, mapper = guest.device.window, host.machines["one"].mapper
        for pages in (3, 5000, window.max_pages):
            guest.request("talk", pages)
            slot = guest.slot
            place = window.places[slot]
            mapper.changes.clear()
            guest.detach()
            covered = place.offset + reg.PAGE_SIZE
            for _, offset, length, _, start in mapper.changes:
                assert (offset, start) == (covered, 0)
                covered += length
            ((fd, longest),) = {(fd, mapper.changes[0][2]) for _, _, _, fd, _ in mapper.changes}
            assert os.pread(fd, longest, 0) == b"\xff" * longest
            assert covered == place.offset + (1 + pages) * reg.PAGE_SIZE
            assert len(mapper.changes) <= 256
            for page in (1, pages):
                assert guest.function.read(*guest.at(slot, page * reg.PAGE_SIZE), 8) == b"\xff" * 8
            if pages < window.room(slot):
                assert guest.function.read(*guest.at(slot, (pages + 1) * reg.PAGE_SIZE), 8) == bytes(8)
        fds = {change[3] for change in mapper.changes} | {bank.fd for bank in window.banks}
        assert sum(os.fstat(fd).st_blocks * 512 for fd in fds) <= 16 << 20


def test_what_is_stored_where_a_region_was_is_gone_after_the_next_one() -> None:
    with bench(Profile.load("7.0", {"detached_window": "ones"})) as host:
        guest = host.device()
        guest.request("talk", 2)
        place = guest.at(guest.slot, reg.PAGE_SIZE)
        guest.detach()
        guest.function.write(*place, b"stored")
        assert guest.function.read(*place, 6) == b"stored"
        guest.request("talk", 2)
        assert guest.function.read(*place, 6) == bytes(6)
        guest.detach()
        assert guest.function.read(*place, 6) == b"\xff" * 6
