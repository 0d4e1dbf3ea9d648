# SPDX-License-Identifier: Apache-2.0
"""The device as a PCI function: a vdev without ``loc``."""

from __future__ import annotations

from random import Random

import pytest

from fixtures.api import GuestEndedError, PciFunction
from fixtures.bench import Bench
from fixtures.configuration import Options
from fixtures.deployment import Deploy
from fixtures.guest import Guest, Line
from harness.shmem.registers import PAGE_SIZE, PCI_COMMAND, PCI_DEVICE, PCI_READ_ONLY, PCI_VENDOR, SIGNATURE
from harness.shmem.status import Status

pytestmark = pytest.mark.only(guest_image=["probe"], placement=["pci"])

FREE = ("", "", "")
MANY = (26, 20)
"""Devices: as many as public configurations have, and of how many there has to be room."""
HEADER = ((PCI_COMMAND, 0x0000_0447), (0x0C, 0x00FF_FFFF), (0x3C, 0xFFFF_FFFF))
"""Words of the header that a guest stores to, and which bits of them: a store to BIST may start a test."""
READ_ONLY = (*PCI_READ_ONLY, range(0x3E, 0x40))
"""And how often and how long a function wants the bus."""
INTERRUPT_LINE = 0x3C
HEADER_SIZE = 0x40
WAYS: tuple[Line, ...] = ("pin", "message")
SECONDS = 20.0


def functions(guest: Guest) -> list[PciFunction]:
    """The shmem functions that the guest finds on its bus."""
    return [device.pci for device in guest.devices() if device.pci]


def the_function(guest: Guest) -> PciFunction:
    """The one that there has to be."""
    found = functions(guest)
    assert len(found) == 1, f"{guest.name} finds {len(found)} functions of the device"
    return found[0]


def allowing(count: int) -> Options:
    """So many devices, each of which permits one name."""
    return tuple(f"allow {number}" for number in range(count))


def can_listen(guest: Guest, how: Line, vdev: int) -> bool:
    """Whether a device interrupts in that way; the guest does not listen afterwards."""
    can = guest.can_listen(how, vdev=vdev)
    if can:
        guest.probe.irq_off()
    return can


@pytest.mark.requirement("SHM-PCI-01")
def test_the_guest_finds_one_function(deploy: Deploy) -> None:
    """It is found by vendor and device, twice at the same address."""
    for guest in deploy(*FREE):
        function = the_function(guest)
        assert (function.vendor_id, function.device_id) == (PCI_VENDOR, PCI_DEVICE)
        assert functions(guest) == [function]


@pytest.mark.requirement("SHM-PCI-01")
def test_every_vdev_is_a_function_of_its_own(deploy: Deploy) -> None:
    """A guest has three functions, which do not share a page."""
    (guest,) = deploy(("", "", ""))
    found = functions(guest)
    assert len(found) == 3
    assert len({(function.bus, function.device, function.function) for function in found}) == 3
    assert len({function.bars[0].address for function in found}) == 3


@pytest.mark.requirement("SHM-PCI-02")
def test_bar_0_is_the_factory_page(deploy: Deploy) -> None:
    """BAR 0 is memory, not I/O, aligned to its size, with the signature at its beginning."""
    guest, _, _ = deploy(*FREE)
    bar = the_function(guest).bars[0]
    assert (bar.bar, bar.space) == (0, "memory")
    assert bar.size >= PAGE_SIZE
    assert bar.address % bar.size == 0
    assert guest.read("phys", bar.address, 8) == SIGNATURE


@pytest.mark.requirement("SHM-PCI-01", "SHM-PCI-03")
def test_many_functions_are_devices_of_their_own(deploy: Deploy, start_guests: Deploy, bench: Bench) -> None:
    """Each permits one name, and another one than the others, whatever order they have on the bus; each interrupts."""
    try:
        guest, peer = start_guests(allowing(count := MANY[0]), "")
    except GuestEndedError:
        guest, peer = deploy(allowing(count := MANY[1]), "")
    lines = [device.interrupt for device in guest.devices() if device.pci]
    assert len(lines) == count
    permitted = {}
    for place in range(count):
        answers = [guest.request(str(number), vdev=place) for number in range(count)]
        permitted[place] = [number for number, answer in enumerate(answers) if answer.status == Status.OK]
        guest.detach_all()
    assert sorted(permitted.values()) == [[number] for number in range(count)]
    ways = {place: [how for how in WAYS if can_listen(guest, how, place)] for place in range(count)}
    # What one function has, all have; and a guest without tables for pins and without messages takes none of any.
    assert len({tuple(each) for each in ways.values()}) == 1, f"ways in which the functions interrupt: {ways}"
    assert ways[0] or not any(lines), "no function interrupts, though the guest knows the lines"
    assert all(function.interrupt_pin or "message" in ways[0] for function in functions(guest))
    for place, (number,) in permitted.items():
        ours, theirs = guest.attach(str(number), vdev=place), peer.attach(str(number))
        if lines[place] and bench.profile.pci_vector == "pin-line":
            assert guest.registers().vector == lines[place]
        for how in ways[place]:
            ours.pending()
            guest.listen(how, vdev=place)
            theirs.signal(ours.index)
            assert guest.wait_interrupts(SECONDS).senders(ours.handle) == 1 << theirs.index, f"{how} of {place}"
            guest.probe.irq_off()
        ours.detach()
        theirs.detach()


@pytest.mark.requirement("SHM-PCI-01", "SHM-PCI-03")
@pytest.mark.parametrize(("register", "bits"), HEADER, ids=["command", "cache line size", "interrupt line"])
def test_a_wide_store_to_the_header_is_one_of_each_byte(deploy: Deploy, register: int, bits: int) -> None:
    """What a byte cannot change a wider store cannot change either, and the other way round (PCI 3.0, section 3.2)."""
    guest, _, _ = deploy(*FREE)
    load, store = guest.probe.load_configuration, guest.probe.store_configuration
    number = guest.device(0)
    first = load(number, register, 4)

    def after(width: int, value: int) -> int:
        for at in range(0, 4, width):
            store(number, register + at, width, value >> 8 * at & (1 << 8 * width) - 1)
        return load(number, register, 4)

    try:
        for value in (0, bits, 0x0909_0909 & bits, first ^ bits):
            seen = {width: after(width, value) for width in (1, 2, 4) if after(1, first) == first}
            assert len(set(seen.values())) == 1, f"{value:#010x} at {register:#x}: {seen}"
        assert after(1, first) == first
    except AssertionError:
        # The next test would get a guest whose function has no memory or no pin.
        guest.power_off()
        raise


@pytest.mark.requirement("SHM-PCI-01", "SHM-PCI-03")
def test_no_store_changes_a_register_that_is_read_only(deploy: Deploy) -> None:
    """Drawn stores of any width to registers of the header that are read only (PCI 3.0, section 6.2)."""
    guest, _, _ = deploy(*FREE)
    number, random = guest.device(0), Random("read only")
    load, store = guest.probe.load_configuration, guest.probe.store_configuration
    # Interrupt Line is beside some of them, and may take what is stored.
    stored = [*(at for several in READ_ONLY for at in several), INTERRUPT_LINE]
    stores = [(at, width) for width in (1, 2, 4) for at in range(0, HEADER_SIZE, width)]
    stores = [(at, width) for at, width in stores if all(at + byte in stored for byte in range(width))]
    line = load(number, INTERRUPT_LINE, 1)

    def seen() -> list[int]:
        return [load(number, several.start, len(several)) for several in READ_ONLY]

    before = seen()
    try:
        for at, width in random.sample(stores * 2, k=2 * len(stores)):
            store(number, at, width, value := random.choice((0, (1 << 8 * width) - 1, random.getrandbits(8 * width))))
            store(number, INTERRUPT_LINE, 1, line)
            assert seen() == before, f"{value:#x} stored to {at:#x}, {width} bytes"
    except AssertionError:
        guest.power_off()
        raise
