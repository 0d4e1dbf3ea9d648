# SPDX-License-Identifier: Apache-2.0
"""Readings of open questions, one row each: a profile, what a guest does, and what the description says that it sees.

Expected values come from ``docs/configuration.md`` ("Profiles") and ``docs/device.md``, not from the device.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.emulator.machine import plan
from harness.emulator.vfio_user.wire import PciIrq, PciRegion
from harness.shmem import registers as reg
from harness.shmem.config import ConfigError, parse
from harness.shmem.profile import Profile
from harness.shmem.status import Status
from tests import programs
from tests.emulator.conftest import bench_with, configuration
from tests.emulator.devices import Bench, Row, bench, row_name

OK, FAILED, NO_ROOM, ILLEGAL, DENIED, NOT_FOUND = (
    *(Status.OK, Status.UNKNOWN_FAILURE, Status.NOMEM, Status.ILLEGAL_NAME),
    *(Status.NO_PERMISSION, Status.DOES_NOT_EXIST),
)
_CAPABILITIES = 0x34


# --- requests


def twice(host: Bench) -> object:
    """The same region again from the same vdev: status, slot and index of the second one, and the members."""
    guest = host.device()
    guest.request("talk")
    status = guest.request("talk")
    return status, guest.slot, guest.index, guest.members


def from_two_devices(host: Bench) -> object:
    """The same region from another vdev of the VM: its status, whether it is the same page, and the members."""
    first, second = host.device(), host.device()
    first.request("talk")
    status = second.request("talk")
    same = second.load(reg.SHMEM_OFFSET, 8) == first.load(reg.SHMEM_OFFSET, 8)
    return status, same, first.members


def of_two_sizes(host: Bench) -> object:
    """One name, two sizes: status and size of the second request, and how many regions there are."""
    first, second = host.device(), host.device(system="two")
    first.request("talk", 2)
    return second.request("talk", 3), second.size, len(host.regions())


def of_no_pages_beside_a_size(host: Bench) -> object:
    """Status and size of a request for 0 pages of a region, where a size makes a region of its own."""
    first, second = host.device(), host.device(system="two")
    first.request("talk", 2)
    return second.request("talk", 0), second.size


def of_no_pages(host: Bench) -> object:
    """0 pages: status and size of a request for a new region, status of one for a region that exists."""
    first, second = host.device(), host.device(system="two")
    new = first.request("new", 0)
    size = first.size
    first.request("talk", 2)
    return new, size, second.request("talk", 0)


def after_a_failure(host: Bench) -> object:
    """``size`` and ``shmem`` after a success and a failure."""
    guest = host.device("deny secret")
    guest.request("talk", 2)
    guest.request("secret", 3)
    return guest.size, guest.load(reg.SHMEM_OFFSET, 8) != 0


# --- accesses


def narrow_and_crooked(host: Bench) -> object:
    """Which loads of the factory page show something: of a byte of ``size``, two bytes of it, three of ``name``, a
    word of ``name``, half of ``signature``, a word across two registers."""
    guest = host.device()
    loads = [(0x18, 1), (0x18, 2), (0x1C, 3), (0x1C, 4), (0x04, 4), (0x12, 4)]
    return [guest.function.read(0, offset, width) != b"\xff" * width for offset, width in loads]


def narrow_store(host: Bench) -> object:
    """What ends qvm after a store of three bytes to ``size``, and what the register holds then."""
    guest = host.device()
    guest.store(reg.SIZE_OFFSET, 1, 3)
    return len(host.machines["one"].broken), guest.load(reg.SIZE_OFFSET)


def at_registers_of_later_releases(host: Bench) -> object:
    """What ends qvm after stores to ``find`` and ``flags`` and behind the last register, and what they read then."""
    guest = host.device()
    places = (reg.FIND_OFFSET, reg.FLAGS_OFFSET, reg.FLAGS_OFFSET + 4)
    for offset in places:
        guest.store(offset, 0)
    return len(host.machines["one"].broken), [guest.load(offset) == 0xFFFFFFFF for offset in places]


# --- flags


def flags_at_attach(host: Bench) -> object:
    """Mode of a region made with 0640, and the answers to others who ask for 0666 and for 0600."""
    maker, guest = host.device(), host.device(system="two")
    maker.store(reg.FLAGS_OFFSET, 0o640)
    maker.request("talk")
    answers = []
    for flags in (0o666, 0o600):
        guest.store(reg.FLAGS_OFFSET, flags)
        answers.append(guest.request("talk"))
    return host.region("talk").mode, answers


def flags_of_odd_bits(host: Bench) -> object:
    """Execute bits asked for: the status, and the mode of the region if there is one."""
    guest = host.device()
    guest.store(reg.FLAGS_OFFSET, 0o777)
    status = guest.request("talk")
    return status, [region.mode for region in host.registry]


def flags_of_nothing(host: Bench) -> object:
    """Mode of a region made with the flags of a reset, under a umask; what flags reads after a store."""
    guest = host.device("umask 022")
    guest.request("talk")
    guest.store(reg.FLAGS_OFFSET, 0o600)
    return host.region("talk").mode, guest.load(reg.FLAGS_OFFSET)


# --- connections


def slots_in_turn(host: Bench) -> object:
    """The slots of three regions, with a refusal for want of an index before the last one."""
    guest, peer = host.device(), host.device(system="two")
    for _ in range(reg.MAX_CLIENTS):
        peer.request("full")
    slots = []
    for name in ("one", "two", "full", "three"):
        if guest.request(name) == OK:
            slots.append(guest.slot)
    return slots


def indices(host: Bench) -> object:
    """The indices of a client that comes and goes eighteen times beside one that stays."""
    peer, guest = host.device(system="two"), host.device()
    peer.request("talk")
    given = []
    for _ in range(18):
        guest.request("talk")
        given.append(guest.index)
        guest.detach()
    return given


def interrupts(host: Bench) -> object:
    """Interrupts of a client for another that comes, signals, signals again, and goes."""
    guest, peer = host.device(), host.device(system="two")
    guest.request("talk")
    taken = guest.count_interrupts()
    counts = []
    for action in (lambda: peer.request("talk"), lambda: peer.notify(1), lambda: peer.notify(1), peer.detach):
        action()
        counts.append(taken())
    return counts


def signals_with_high_bits(host: Bench) -> object:
    """Which notify words of a peer signal the client 0: with none, some, all and only the bits 31:16."""
    guest, peer = host.device(), host.device(system="two")
    guest.request("talk")
    peer.request("talk")
    told = []
    for mask in (0x1, 0x10001, 0xFFFF0001, 0xFFFFFFFF):
        peer.notify(mask)
        told.append(bool(guest.control(reg.CONTROL_STATUS_OFFSET) & 0xFFFF))
    return told


# --- lives


def life(host: Bench) -> object:
    """Regions while a peer is connected after the end of the VM that made them, when the peer has left, and then."""
    guest, peer = host.device(), host.device(system="two")
    guest.request("talk")
    peer.request("talk")
    peer.detach()
    guest.detach()
    left_while_maker_lives = len(host.regions())
    guest.request("talk")
    peer.request("talk")
    host.end("one")
    used = len(host.regions())
    peer.detach()
    return left_while_maker_lives, used, len(host.regions())


def life_of_created(host: Bench) -> object:
    """The same for a region of ``create``: before anybody came, when a first client has left, at the VM's end."""
    guest = host.start("create talk,0x1000")
    peer = host.device(system="two")
    made = len(host.regions())
    peer.request("talk")
    peer.detach()
    left = len(host.regions())
    guest.request("talk")
    host.end("one")
    return made, left, len(host.regions())


def unused_created(host: Bench) -> object:
    """A region of ``create`` that nobody has used at the end of its VM."""
    host.start("create talk,0x1000")
    host.end("one")
    return len(host.regions())


def content(host: Bench) -> object:
    """What a region holds that is made again under a name that was in use; it is larger than before."""
    guest = host.device()
    guest.request("talk")
    guest.set_data(b"left")
    guest.detach()
    guest.request("talk", 2)
    return guest.data(4), guest.size


# --- creations and the PCI function


def created_mode(host: Bench) -> object:
    """Modes of regions with and without a MODE, under a umask."""
    host.start("umask 022 create a,0x1000 create b,0x1000,0666")
    return [region.mode for region in host.registry]


def created_names(host: Bench) -> object:
    """Host-side names of a region created before and one created behind the substitution."""
    host.start("create one,0x1000 subst ,x_ create two,0x1000")
    return host.regions()


def message_interrupts(host: Bench) -> object:
    """Capability bit, pointer to the list, and what lies at the place of the capability."""
    function = host.device().function
    status, pointer = (function.read(PciRegion.CONFIG, place, 1)[0] for place in (reg.PCI_STATUS, _CAPABILITIES))
    return bool(status & 0x10), pointer, function.read(PciRegion.CONFIG, 0x40, 1), function.interrupts(PciIrq.MSI)


def interrupt_status(host: Bench) -> object:
    """The bit of the status register without and with an unread change."""
    guest = host.device()
    guest.request("talk")
    guest.control(reg.CONTROL_STATUS_OFFSET)
    quiet = guest.function.read(PciRegion.CONFIG, reg.PCI_STATUS, 1)[0]
    host.device(system="two").request("talk")
    told = guest.function.read(PciRegion.CONFIG, reg.PCI_STATUS, 1)[0]
    return [bool(status & reg.PCI_STATUS_INTERRUPT) for status in (quiet, told)]


ROWS: list[Row] = [
    ("7.0", {}, twice, (OK, 1, 1, 0b11)),
    ("7.0", {"double_attach": "same-connection"}, twice, (OK, 0, 0, 0b1)),
    ("7.0", {"double_attach": "refused"}, twice, (FAILED, 0, 0, 0b1)),
    ("7.0", {}, from_two_devices, (OK, False, 0b11)),
    ("7.0", {"double_attach_other_vdev": "same-connection"}, from_two_devices, (OK, True, 0b1)),
    ("7.0", {"double_attach_other_vdev": "refused"}, from_two_devices, (FAILED, False, 0b1)),
    ("7.0", {}, of_two_sizes, (OK, 2, 1)),
    ("7.0", {"size_mismatch": "refused"}, of_two_sizes, (FAILED, 3, 1)),
    ("7.0", {"size_mismatch": "separate"}, of_two_sizes, (OK, 3, 2)),
    ("7.0", {}, of_no_pages, (FAILED, 0, FAILED)),
    ("7.0", {"size_zero": "attach-only"}, of_no_pages, (FAILED, 0, OK)),
    ("7.0", {"size_zero": "one-page"}, of_no_pages, (OK, 1, OK)),
    ("7.0", {"size_zero": "attach-only", "size_mismatch": "separate"}, of_no_pages_beside_a_size, (OK, 2)),
    ("7.0", {}, after_a_failure, (3, True)),
    ("7.0", {"failed_size": "previous"}, after_a_failure, (2, True)),
    ("7.0", {"failed_size": "zero", "failed_shmem": "zero"}, after_a_failure, (0, False)),
    ("7.0", {}, narrow_and_crooked, [True, True, True, True, True, True]),
    ("7.0", {"access_widths": "power-of-two"}, narrow_and_crooked, [True, True, False, True, True, False]),
    ("7.0", {"access_widths": "natural"}, narrow_and_crooked, [False, False, False, True, True, False]),
    ("7.0", {"access_widths": "natural"}, narrow_store, (0, 0)),
    ("7.0", {"access_widths": "natural", "bad_access": "qvm-exit"}, narrow_store, (1, 0)),
    ("7.0", {"find": "absent"}, at_registers_of_later_releases, (0, [False] * 3)),
    ("7.0", {"access_widths": "natural"}, at_registers_of_later_releases, (0, [False, True, True])),
    ("7.0", {"access_widths": "natural", "find": "absent"}, at_registers_of_later_releases, (0, [True] * 3)),
    (
        "7.0",
        {"access_widths": "natural", "find": "absent", "bad_access": "qvm-exit"},
        at_registers_of_later_releases,
        (3, [True] * 3),
    ),
    ("8.0", {"access_widths": "natural"}, at_registers_of_later_releases, (0, [False, False, True])),
    ("8.0", {}, flags_at_attach, (0o640, [OK, OK])),
    ("8.0", {"flags": "creation-and-attach"}, flags_at_attach, (0o640, [DENIED, OK])),
    ("8.0", {}, flags_of_odd_bits, (OK, [0o666])),
    ("8.0", {"flags_unknown_bits": "refused"}, flags_of_odd_bits, (FAILED, [])),
    ("8.0", {}, flags_of_nothing, (0o644, 0o600)),
    ("8.0", {"flags_zero": "no-permissions", "flags_access": "write-only"}, flags_of_nothing, (0, 0)),
    ("7.0", {"window_reuse": "round-robin"}, slots_in_turn, [0, 1, 2]),
    ("7.0", {}, indices, [1] * 18),
    ("7.0", {"index_reuse": "round-robin"}, indices, [*range(1, 16), 1, 2, 3]),
    ("7.0", {"index_reuse": "never-until-full"}, indices, [*range(1, 16), 1, 1, 1]),
    ("7.0", {}, interrupts, [1, 1, 0, 1]),
    ("7.0", {"interrupt_on": "every-event"}, interrupts, [1, 1, 1, 1]),
    ("7.0", {"interrupt_on": "members-only"}, interrupts, [1, 0, 0, 1]),
    ("7.0", {}, signals_with_high_bits, [True, True, True, True]),
    ("7.0", {"notify_high_bits": "drops-all"}, signals_with_high_bits, [True, False, False, True]),
    ("7.0", {}, life, (0, 1, 0)),
    ("7.0", {"region_lifetime": "creating-qvm"}, life, (1, 1, 0)),
    ("7.0", {"region_lifetime": "host-reboot"}, life, (1, 1, 1)),
    ("7.0", {}, life_of_created, (1, 1, 0)),
    ("7.0", {"create_lifetime": "last-client", "region_lifetime": "host-reboot"}, life_of_created, (1, 0, 1)),
    ("7.0", {"create_lifetime": "host-reboot"}, life_of_created, (1, 1, 1)),
    ("7.0", {}, unused_created, 0),
    ("7.0", {"create_lifetime": "last-client"}, unused_created, 1),
    ("7.0", {"create_lifetime": "host-reboot"}, unused_created, 1),
    ("7.0", {}, content, (bytes(4), 2)),
    ("7.0", {"new_content": "stale"}, content, (b"left", 2)),
    ("8.0", {}, created_mode, [0o644, 0o666]),
    ("8.0", {"umask_on_mode": "always"}, created_mode, [0o644, 0o644]),
    ("7.0", {}, created_names, ["one", "x_two"]),
    ("7.0", {"subst_on_create": "global"}, created_names, ["x_one", "x_two"]),
    ("7.0", {"subst_on_create": "ignored"}, created_names, ["one", "two"]),
    ("7.0", {}, message_interrupts, (True, 0x40, b"\x05", 1)),
    ("7.0", {}, interrupt_status, [False, True]),
    ("7.0", {"pci_interrupt_status": "zero"}, interrupt_status, [False, False]),
    ("7.0", {"pci_msi": "absent"}, message_interrupts, (False, 0, b"\0", 0)),
]


@pytest.mark.parametrize("row", ROWS, ids=row_name)
def test_reading(row: Row) -> None:
    release, readings, scenario, expected = row
    with bench(Profile.load(release, readings)) as host:
        assert scenario(host) == expected


@pytest.mark.parametrize("group", ["\u00b2", "4294967295", "99999999999"])
def test_a_group_that_no_machine_can_have_is_refused(group: str) -> None:
    with bench(Profile.load("8.0")) as host, pytest.raises(ConfigError, match="no such group on this host"):
        host.start(f"gid {group} create talk,0x1000")


def test_a_group_that_no_machine_can_have_is_refused_for_a_region_that_is_there_as_well() -> None:
    with bench(Profile.load("8.0")) as host:
        host.start("create talk,0x1000")
        with pytest.raises(ConfigError, match="no such group on this host"):
            host.start("create talk,0x1000,0600,4294967295")


def test_a_bad_access_ends_qvm_with_status_6(tmp_path: Path) -> None:
    readings = {"access_widths": "natural", "bad_access": "qvm-exit"}
    with bench_with(tmp_path, readings) as machines:
        process, one = machines.guest(configuration())
        one.write(b"read factory 0x18 1\r")
        assert (process.wait(programs.PATIENCE), "1 bytes at offset 0x18" in process.communicate()[1]) == (6, True)


def test_a_device_without_an_interrupt_works_without(tmp_path: Path) -> None:
    with bench_with(tmp_path, {"loc_without_intr": "accepted"}) as machines:
        process, one = machines.guest(configuration(devices="vdev shmem loc 0x1c050000"))
        (device,) = one.probe.find()
        assert (device.factory, one.probe.attach("talk", 2).status) == (0x1C05_0000, 0)
        assert machines.client.attach("talk").index == 1
        assert one.probe.status().members == 0b11
        assert process.poll() is None


def test_an_arm_guest_without_a_pci_bus_needs_a_loc() -> None:
    config = parse(configuration(devices="vdev shmem"), "file")
    with pytest.raises(ConfigError, match=r"file:5:1: .*no PCI bus.*expected 'loc' and 'intr'"):
        plan(config, Path(), Profile.load("7.0", {"arm_pci": "absent"}))
