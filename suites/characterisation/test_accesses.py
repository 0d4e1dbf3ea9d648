# SPDX-License-Identifier: Apache-2.0
"""Accesses of every width to the registers, where the documents do not say which are good. Nothing is judged."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fixtures.api import BenchError
from fixtures.deployment import Deploy
from fixtures.guest import Guest, Region, mask
from fixtures.records import Observations
from harness.shmem import registers as reg
from harness.shmem.status import Status
from suites.characterisation.experiments import ended_by_an_access

pytestmark = [pytest.mark.only(guest_image=["probe"]), pytest.mark.every_release]

FREE = ("", "", "")
WIDTHS = (1, 2, 4, 8)
REFUSED = "the processor refuses it"

Loads = dict[tuple[int, int], str]
"""What loads of a width at an offset gave."""


class QvmEndedError(Exception):
    """qvm did not survive an access."""


@pytest.mark.requirement("SHM-FACT-10", "SHM-OPEN-17")
def test_widths_and_alignments(deploy: Deploy, observations: Observations) -> None:
    """Loads of the whole factory page in every width, aligned and not; stores of every width to name."""
    guest, _, _ = deploy(*FREE)
    guest.attach("0123456789abcdefghijklmnopqrstu")
    page = b"".join(guest.read("factory", offset, 4).to_bytes(4, "little") for offset in range(0, reg.FIND_OFFSET, 4))
    try:
        aligned = dict(_loads(guest, page, misaligned=False))
        misaligned = dict(_loads(guest, page, misaligned=True))
        stores = {width: _store(guest, width) for width in WIDTHS}
    except QvmEndedError as error:
        observations.record("bad_access", "qvm-exit")
        observations.record("an access that ended qvm", error)
        return
    for what, seen in (("aligned loads of", aligned), ("misaligned loads of", misaligned)):
        for width in WIDTHS:
            for answer in sorted({seen[access] for access in seen if access[0] == width}):
                offsets = [f"{offset:#x}" for (wide, offset), value in seen.items() if (wide, value) == (width, answer)]
                whole = len(offsets) == sum(wide == width for wide, _ in seen)
                where = "everywhere" if whole else f"at {', '.join(offsets)}"
                observations.record(f"{what} {width} bytes, {where}", answer)
    for width, answer in stores.items():
        observations.record(f"store of {width} bytes to the beginning of name", answer)
    observations.record("access_widths", _widths(aligned, misaligned))
    bad = {*aligned.values(), *misaligned.values()} - {"good", REFUSED}
    if bad:
        observations.record("bad_access", "ignored" if bad == {"ones"} else ", ".join(sorted(bad)))


def _loads(guest: Guest, page: bytes, *, misaligned: bool) -> Iterator[tuple[tuple[int, int], str]]:
    """Each load that lies in the page and what it gave, by width and offset."""
    for width in WIDTHS[1:] if misaligned else WIDTHS:
        for offset in range(int(misaligned), len(page) - width + 1, width):
            yield (width, offset), _load(guest, page, offset, width)


def _load(guest: Guest, page: bytes, offset: int, width: int) -> str:
    try:
        word = guest.load("factory", offset, width)
    except BenchError as error:
        raise QvmEndedError(f"{width} bytes at {offset:#x}: {ended_by_an_access(guest, error)}") from error
    if word is None:
        return REFUSED
    if word == int.from_bytes(page[offset : offset + width], "little"):
        return "good"
    return "ones" if word == (1 << 8 * width) - 1 else hex(word)


def _store(guest: Guest, width: int) -> str:
    """Whether a store of that width to the beginning of name (misaligned for 8 bytes) is what name reads then."""
    word = int.from_bytes(b"ABCDEFGH"[:width], "little")
    guest.probe.set_name("--------")
    if not guest.store("factory", reg.NAME_OFFSET, width, word):
        return REFUSED
    read = guest.registers().name[:width]
    return "good" if read == b"ABCDEFGH"[:width] else repr(read)


def _widths(aligned: Loads, misaligned: Loads) -> str:
    """A reading of the profile; a processor that refuses misaligned accesses leaves two of them open."""
    if set(aligned.values()) != {"good"}:
        return "natural"
    if REFUSED in misaligned.values():
        return "any or power-of-two"
    return "any" if set(misaligned.values()) == {"good"} else "power-of-two"


@pytest.mark.requirement("SHM-FACT-10", "SHM-OPEN-17")
def test_a_wide_store_over_two_registers(deploy: Deploy, observations: Observations) -> None:
    """Eight bytes at size: the request is made, and under which name."""
    guest, peer, _ = deploy(*FREE)
    theirs = peer.attach("wide")
    guest.probe.set_name("----")
    try:
        let_out = guest.store("factory", reg.SIZE_OFFSET, 8, int.from_bytes(b"wide", "little") << 32 | 1)
    except BenchError as error:
        observations.record("8 bytes at size", f"qvm ends with {ended_by_an_access(guest, error)}")
        return
    if not let_out:
        observations.record("8 bytes at size", REFUSED)
        return
    registers = guest.registers()
    name = registers.name.partition(b"\0")[0].decode("latin-1")
    observations.record("8 bytes at size", f"{Status(registers.status).name}, {registers.size} pages, name {name!r}")
    together = len(theirs.members()) > 1
    observations.record("the request has the name of the same store", together)
    if registers.status == Status.OK and registers.shmem:
        guest.store("phys", registers.shmem + reg.CONTROL_DETACH_OFFSET, 4, 1)


@pytest.mark.requirement("SHM-FACT-10", "SHM-OPEN-17")
def test_widths_of_the_control_page(deploy: Deploy, observations: Observations) -> None:
    """Loads of every width from the beginning of status, stores of every width to notify and to detach."""
    guest, peer, _ = deploy(*FREE)
    theirs = peer.attach("control")
    ours = guest.attach("control")
    try:
        for width in WIDTHS:
            observations.record(f"load of {width} bytes from status", _load_status(ours, theirs, width))
        for width in WIDTHS[:-1]:
            observations.record(f"store of {width} bytes to notify", _store_notify(ours, theirs, width))
        for width in WIDTHS[:-1]:
            observations.record(f"store of {width} bytes to detach", _store_detach(guest, theirs, width))
    except BenchError as error:
        status = ended_by_an_access(guest, error)
        observations.record("bad_access", "qvm-exit")
        observations.record("an access that ended qvm", status)


def _load_status(ours: Region, theirs: Region, width: int) -> str:
    """The value of a load, and whether it has cleared the pending signal."""
    theirs.signal(ours.index)
    ours.guest.probe.use(ours.handle)
    word = ours.guest.load("control", reg.CONTROL_STATUS_OFFSET, width)
    left = ours.heard()
    page = mask(left.members) << reg.STATUS_MEMBERS_SHIFT | mask({theirs.index}) | ours.index << 32
    whole = (1 << 8 * width) - 1
    if word is None:
        return REFUSED
    gave = {page & whole: "good", whole: "ones"}.get(word, hex(word))
    return f"{gave}, the signals {'stay' if left.pending else 'are taken'}"


def _store_notify(ours: Region, theirs: Region, width: int) -> str:
    ours.guest.probe.use(ours.handle)
    if not ours.guest.store("control", reg.CONTROL_NOTIFY_OFFSET, width, mask({theirs.index})):
        return REFUSED
    return "signals" if theirs.pending() else "does nothing"


def _store_detach(guest: Guest, theirs: Region, width: int) -> str:
    """Use the connection that the last store has left, or a new one."""
    ours = guest.attached[-1] if guest.attached else guest.attach("control")
    guest.probe.use(ours.handle)
    if not guest.store("control", reg.CONTROL_DETACH_OFFSET, width, 1):
        return REFUSED
    if theirs.members() != {theirs.index}:
        return "does nothing"
    ours.forget()
    return "leaves"
