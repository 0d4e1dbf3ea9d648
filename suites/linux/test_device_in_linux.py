# SPDX-License-Identifier: Apache-2.0
"""The device as Linux shows it: bus, resources, and the kinds of memory that programs get of it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from fixtures.deployment import Deploy
from fixtures.guest import Guest
from fixtures.records import Observations
from harness.shmem.registers import (
    CONTROL_IDX_OFFSET,
    PAGE_SIZE,
    PCI_COMMAND,
    PCI_COMMAND_MEMORY,
    PCI_DEVICE,
    PCI_VENDOR,
    SIGNATURE,
)

pytestmark = pytest.mark.only(guest_image=["linux"], placement=["pci"], via=["serial"])

FREE = ("", "")
BUS = "/sys/bus/pci/devices"

# Of a resource, as the kernel flags it (kernel source, include/linux/ioport.h).
MEMORY = 0x200
PREFETCHABLE = 0x2000
WIDE = 0x100000


@dataclass(frozen=True)
class Resource:
    """A line of the file ``resource`` of a PCI function."""

    first: int
    last: int
    flags: int

    @property
    def size(self) -> int:
        """In bytes; 0 where there is no such BAR."""
        return self.last - self.first + 1 if self.flags else 0


def functions(guest: Guest) -> list[str]:
    """Where the bus has functions of the device: ``0000:00:05.0``."""
    identity = f"{PCI_VENDOR:04x}:{PCI_DEVICE:04x}".upper()
    said = guest.linux.run(f"grep -l -x PCI_ID={identity} {BUS}/*/uevent || true")
    return [line.split("/")[-2] for line in said.lines]


def the_function(guest: Guest) -> str:
    """The one that there has to be."""
    found = functions(guest)
    assert len(found) == 1, f"{guest.name} has {len(found)} functions of the device: {found}"
    return found[0]


def resources(guest: Guest, function: str) -> list[Resource]:
    """The BARs of a function."""
    lines = guest.linux.run(f"cat {BUS}/{function}/resource").lines
    return [Resource(*(int(word, 16) for word in line.split())) for line in lines[:6]]


@pytest.mark.requirement("SHM-PCI-01")
def test_the_bus_has_one_function(deploy: Deploy, observations: Observations) -> None:
    """As lspci would list it."""
    for guest in deploy(*FREE):
        function = the_function(guest)
        said = guest.linux.run(f"cd {BUS}/{function}; cat vendor device class revision")
        vendor, device, kind, revision = (int(line, 16) for line in said.lines)
        assert (vendor, device) == (PCI_VENDOR, PCI_DEVICE)
        observations.record(f"{guest.name}: lspci", f"{function} class {kind:06x} revision {revision:02x}")


@pytest.mark.requirement("SHM-PCI-02")
def test_the_resources_are_where_the_device_answers(deploy: Deploy) -> None:
    """BAR 0 is the factory page; another one is memory that may be prefetched, large enough for a region's pages."""
    guest, _ = deploy(*FREE)
    function = the_function(guest)
    bars = resources(guest, function)
    assert bars[0].flags & MEMORY
    assert bars[0].size >= PAGE_SIZE
    assert guest.devices()[0].factory == bars[0].first
    region = guest.attach("placed", pages=8)
    (window,) = (bar for bar in bars if bar.first <= region.address and region.address + 9 * PAGE_SIZE - 1 <= bar.last)
    assert window.flags & (MEMORY | PREFETCHABLE) == MEMORY | PREFETCHABLE


@pytest.mark.requirement("SHM-CTRL-05")
def test_data_is_mapped_as_memory_and_registers_as_a_device(deploy: Deploy, observations: Observations) -> None:
    """Where the kernel lists the kinds (x86), its list says so; elsewhere unaligned access does: devices refuse it."""
    guest, _ = deploy(*FREE)
    region = guest.attach("kinds", pages=4)
    region.fill(seed=1)
    kinds = memory_kinds(guest, region.address)
    if kinds is None:
        kinds = unaligned_kinds(guest)
    observations.record("kinds of memory", f"control page {kinds[0]}, data pages {kinds[1]}")
    assert kinds in (("uncached-minus", "write-combining"), ("device", "memory"))
    assert region.differences(seed=1) == 0


def memory_kinds(guest: Guest, control_page: int) -> tuple[str, str] | None:
    """Of the control page and of the first data page, from the kernel's list; None when it has no list."""
    listing = "/sys/kernel/debug/x86/pat_memtype_list"
    said = guest.linux.run(f"mount -t debugfs none /sys/kernel/debug 2>/dev/null; cat {listing}")
    if said.status:
        return None
    found: dict[int, str] = {}
    for line in said.lines:
        if line.startswith("PAT: [mem "):
            span, _, kind = line.removeprefix("PAT: [mem ").partition("] ")
            found[int(span.split("-")[0], 16)] = kind.strip()
    return found.get(control_page, "?"), found.get(control_page + PAGE_SIZE, "?")


def unaligned_kinds(guest: Guest) -> tuple[str, str]:
    """The same, from what an unaligned load does."""
    control, data = (guest.load(page, 2, 4) is None for page in ("control", "data"))
    return ("device" if control else "memory", "device" if data else "memory")


@pytest.mark.requirement("SHM-PCI-02")
def test_nothing_is_lost_while_the_memory_of_the_function_is_off(deploy: Deploy) -> None:
    """As when a system asks for the sizes of BARs: accesses are not answered, and everything is there afterwards."""
    guest, peer = deploy(*FREE)
    function = the_function(guest)
    ours, theirs = guest.attach("decoded", pages=4), peer.attach("decoded")
    ours.fill(seed=2)
    theirs.pending()
    before = command(guest, function)
    assert before & PCI_COMMAND_MEMORY
    set_command(guest, function, before & ~PCI_COMMAND_MEMORY)
    assert not command(guest, function) & PCI_COMMAND_MEMORY
    theirs.signal(ours.index)
    set_command(guest, function, before)
    assert guest.registers().signature == SIGNATURE
    assert ours.load(CONTROL_IDX_OFFSET) == ours.index
    heard = ours.heard()
    assert (heard.pending, heard.members) == ({theirs.index}, {ours.index, theirs.index})
    assert theirs.members() == {ours.index, theirs.index}
    assert ours.differences(seed=2) == theirs.differences(seed=2) == 0


def command(guest: Guest, function: str) -> int:
    """The low byte of the function's command register."""
    said = guest.linux.run(f"od -An -tu1 -j{PCI_COMMAND} -N1 {BUS}/{function}/config")
    return int(said.lines[0])


def set_command(guest: Guest, function: str, value: int) -> None:
    """Write it."""
    operand = f"of={BUS}/{function}/config bs=1 seek={PCI_COMMAND} conv=notrunc"
    said = guest.linux.run(f"printf '\\{value:03o}' | dd {operand} 2>/dev/null")
    assert said.status == 0
