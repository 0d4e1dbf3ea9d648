# SPDX-License-Identifier: Apache-2.0
"""Where the emulated host puts ``vdev shmem``, and which places and interrupt lines it refuses."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import fdt
import pytest

from harness.arch import ARCHES, Arch
from harness.emulator.machine import Plan, plan
from harness.emulator.machine.board import ChipSet
from harness.emulator.machine.devicetree import with_devices
from harness.emulator.service.host import Host
from harness.emulator.window import FIRST_BANK, LARGE_BANK
from harness.errors import UsageError
from harness.shmem.config import ConfigError, parse
from harness.shmem.profile import PROFILES, Profile
from tests.emulator.conftest import configuration

_NET = "vdev virtio-net"


def _plan(devices: str, arch: Arch = "aarch64", **readings: str) -> Plan:
    return plan(parse(configuration(arch, devices=devices), "file"), Path(), Profile.load("7.0", readings))


@pytest.mark.parametrize("line", [32, 40, 43, 77, 111, 287])
def test_lines_that_the_machine_leaves_free_can_be_used(line: int) -> None:
    (placement,) = _plan(f"vdev shmem loc 0x1c050000 intr gic:{line}").placements
    assert placement.line == line


@pytest.mark.parametrize("line", [33, 34, 39])
def test_lines_of_the_machine_itself_are_refused(line: int) -> None:
    devices = f"vdev shmem loc 0x1c050000 intr gic:{line}"
    free = "one of 32, 35 to 38, 40 to 287"
    with pytest.raises(ConfigError, match=rf"file:5:\d+: the machine uses .* found gic:{line}, expected {free}$"):
        _plan(devices)
    assert _plan(devices, intr_collision="accepted").placements[0].line == line


@pytest.mark.parametrize(("slot", "beside"), [(8, "vdev shmem"), (1, _NET), (2, f"{_NET}\n{_NET}")])
def test_lines_of_pci_devices_can_be_used_where_the_vm_has_none_with_that_line(slot: int, beside: str) -> None:
    for line in range(35, 39):
        devices = f"vdev shmem loc 0x1c050000 intr gic:{line}"
        assert _plan(devices).placements[0].line == line
        if line == 35 + slot % 4:
            with pytest.raises(ConfigError, match=rf"VM's PCI devices: found gic:{line}, .*or no PCI device beside it"):
                _plan(f"{devices}\n{beside}")
            assert _plan(f"{devices}\n{beside}", intr_collision="accepted").placements[0].line == line
    assert _plan(f"vdev shmem loc 0x1c050000 intr gic:38\n{beside}").placements[0].line == 38


@pytest.mark.parametrize("chip_set", ["q35", "pc"])
def test_the_manuals_example_for_a_pc_can_be_used_as_it_stands(chip_set: ChipSet) -> None:
    text = configuration("x86_64", devices="vdev shmem loc 0x10000000 intr myioapic:10")
    (placement,) = plan(parse(text, "file"), Path(), PROFILES["8.0"], chip_set).placements
    assert (placement.loc, placement.line, placement.level) == (0x1000_0000, 10, True)


def test_a_line_of_the_pc_is_refused_beside_the_pci_device_that_has_it() -> None:
    text = configuration("x86_64", devices="vdev shmem loc 0x10000000 intr myioapic:10\nvdev shmem\nvdev shmem")
    config = parse(text, "file")
    assert plan(config, Path(), PROFILES["8.0"], "q35").placements[0].line == 10
    with pytest.raises(
        ConfigError, match=r"file:6:\d+: .*PCI devices: found myioapic:10, expected one of 3, 5 to 7, 13,"
    ):
        plan(config, Path(), PROFILES["8.0"], "pc")


@pytest.mark.parametrize("line", [31, 288, 1000])
def test_lines_that_the_machine_lacks_are_refused(line: int) -> None:
    with pytest.raises(ConfigError, match="one of 32, 35 to 38, 40 to 287"):
        _plan(f"vdev shmem loc 0x1c050000 intr gic:{line}")


@pytest.mark.parametrize("line", [*range(3), 4, 8, 9, 12, *range(16, 20), 24])
def test_inputs_of_the_io_apic_that_are_not_free_are_refused_with_those_that_are(line: int) -> None:
    free = "one of 3, 5 to 7, 10 to 11, 13 to 15, 20 to 23"
    with pytest.raises(ConfigError, match=rf"file:6:.* found myioapic:{line}, .*{free}"):
        _plan(f"vdev shmem loc 0x90000000 intr myioapic:{line}", "x86_64")


def test_an_io_apic_has_the_name_that_the_configuration_gives_it_and_no_other() -> None:
    with pytest.raises(ConfigError, match=r"no such interrupt controller: found ioapic:7, expected NAME:LINE"):
        _plan("vdev shmem loc 0x90000000 intr ioapic:7", "x86_64")
    with pytest.raises(ConfigError, match=r"file:5:32: no such interrupt controller: found ioapic:4"):
        plan(parse(configuration("x86_64").replace("myioapic:4", "ioapic:4"), "file"), Path(), PROFILES["8.0"])


def test_more_network_devices_than_there_are_places_for_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"too many vdev virtio-net: expected up to 7"):
        _plan("\n".join([_NET] * 8))


@pytest.mark.parametrize(
    ("arch", "address", "intr"),
    [
        ("aarch64", 0x0FFF_F000, "gic:43"),
        ("aarch64", 0x3EFF_0000, "gic:43"),
        ("x86_64", 0x03FF_F000, "myioapic:7"),
        ("x86_64", 0xB000_0000, "myioapic:7"),
        ("x86_64", 0xC000_0000, "myioapic:7"),
    ],
)
def test_addresses_outside_the_hole_are_refused(arch: Arch, address: int, intr: str) -> None:
    with pytest.raises(ConfigError, match=rf"cannot have a device here: found {address:#x}, expected an address from"):
        _plan(f"vdev shmem loc {address:#x} intr {intr}", arch)


@pytest.mark.parametrize("beside", ["vdev shmem", _NET])
def test_an_address_among_the_bars_is_refused_with_pci_devices(beside: str) -> None:
    for address in (0x1000_0000, 0x100F_F000):
        one = f"vdev shmem loc {address:#x} intr gic:43"
        assert _plan(one).placements[0].loc == address
        with pytest.raises(ConfigError, match=rf"file:5:\d+: .*PCI devices here: found {address:#x}, .*0x10100000"):
            _plan(f"{one}\n{beside}")
    assert _plan(f"vdev shmem loc 0x10100000 intr gic:43\n{beside}").placements[0].loc == 0x1010_0000


@pytest.mark.parametrize(("arch", "kind"), [("aarch64", "pl011"), ("x86_64", "ser8250")])
def test_a_second_serial_port_is_refused(arch: Arch, kind: str) -> None:
    with pytest.raises(ConfigError, match=f"one of these: found a second {kind}"):
        _plan(f"vdev {kind} hostdev /dev/ptyp9", arch)


_EMPTY_TREE = fdt.FDT()
_EMPTY_TREE.root = fdt.Node("/")


def _node(devices: str, **readings: str) -> fdt.Node:
    """The node that an AArch64 guest finds for its one device."""
    tree = fdt.parse_dtb(with_devices(_EMPTY_TREE.to_dtb(version=17), _plan(devices, "aarch64", **readings).placements))
    return tree.get_node("/vdevs/qnx,guest_shm@1c050000")


@pytest.mark.parametrize(("shape", "trigger"), [("level", 4), ("edge", 1)])
def test_the_device_tree_says_how_the_interrupt_is_triggered(shape: str, trigger: int) -> None:
    node = _node("vdev shmem loc 0x1c050000 intr gic:43", interrupt_shape=shape)
    assert node.get_property("interrupts").data == [0, 11, trigger]


def test_a_device_without_an_interrupt_has_none_in_the_device_tree() -> None:
    node = _node("vdev shmem loc 0x1c050000", loc_without_intr="accepted")
    assert node.get_property("reg").data == [0, 0x1C05_0000, 0, 0x1000]
    assert not node.exist_property("interrupts")


@pytest.mark.parametrize(
    ("field", "reading", "why"),
    [
        ("bad_access", "guest-abort", "fault"),
        ("detached_window", "guest-abort", "fault"),
        ("detached_window", "qvm-exit", "plain memory"),
        ("loc_collision", "accepted", "one address"),
        ("intr_without_loc", "accepted", "PCI device"),
    ],
)
def test_a_reading_that_the_host_cannot_have_is_refused_at_its_start(
    tmp_path: Path, field: str, reading: str, why: str
) -> None:
    with pytest.raises(UsageError, match=f"'{reading}' of '{field}': .*{why}"):
        Host(tmp_path, Profile.load("7.0", {field: reading}))


@pytest.mark.parametrize("release", PROFILES)
def test_the_host_can_have_every_preset(tmp_path: Path, release: str) -> None:
    Host(tmp_path, Profile.load(release))


def _mapped(arch: Arch, count: int) -> str:
    """Memory-mapped devices at consecutive pages; on a PC, they share an interrupt."""
    first, line = (0x1C05_0000, 40) if arch == "aarch64" else (0x9000_0000, 7)
    intr = f"gic:{line}" if arch == "aarch64" else f"myioapic:{line}"
    return "\n".join(f"vdev shmem loc {first + 4096 * number:#x} intr {intr}" for number in range(count))


@pytest.mark.parametrize("arch", ARCHES)
def test_windows_of_memory_mapped_devices_are_below_4_gib_beside_everything_else(arch: Arch) -> None:
    placements = _plan(_mapped(arch, 32), arch).placements
    spans = [(one.loc or 0, (one.loc or 0) + 4096) for one in placements]
    spans += [(one.banks.first, one.banks.first + sum(one.banks.slots)) for one in placements]
    spans += [(one.banks.large, one.banks.large + sum(LARGE_BANK)) for one in placements]
    spans.sort()
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    assert spans[-1][1] <= 1 << 40
    assert all(one.banks.first + sum(one.banks.slots) <= 0xB000_0000 for one in placements)
    assert max(placements[0].banks.slots) > 128 << 20


@pytest.mark.parametrize("arch", ARCHES)
def test_a_device_keeps_its_windows_when_another_one_is_added_behind_it(arch: Arch) -> None:
    all_of_them = _plan(_mapped(arch, 32), arch).placements
    for count in (1, 2, 5, 31):
        assert [one.banks for one in _plan(_mapped(arch, count), arch).placements] == [
            one.banks for one in all_of_them[:count]
        ]


def test_windows_that_have_no_place_below_4_gib_are_above() -> None:
    scattered = "\n".join(f"vdev shmem loc {0x1010_0000 + (n << 23):#x} intr gic:43" for n in range(32))
    banks = [one.banks for one in _plan(scattered).placements]
    low = [one for one in banks if one.first < 1 << 32]
    assert [sum(one.slots) >> 20 for one in low] == [256, 64, 32, 32] + [8] * 13
    assert all(one.slots == FIRST_BANK for one in banks[len(low) :])


def test_a_window_that_does_not_fit_is_a_smaller_one() -> None:
    around = "\n".join(f"vdev shmem loc {at:#x} intr gic:43" for at in (0x2800_0000, 0x1800_0000))
    assert [sum(one.banks.slots) >> 20 for one in _plan(around).placements] == [64, 64]


def test_more_than_32_devices_are_refused_with_the_limit() -> None:
    assert len(_plan("vdev shmem\n" * 32).placements) == 32
    with pytest.raises(ConfigError, match=r"file:37:\d+: too many vdev shmem in one VM: found 33, expected up to 32"):
        _plan("vdev shmem\n" * 33)


def test_no_function_is_without_a_function_0_on_the_bus() -> None:
    devices = "vdev shmem loc 0x1c050000 intr gic:43\n" + "vdev shmem\n" * 20
    placements = _plan(devices).placements
    on_bus = {(one.slot, one.function) for one in placements if one.loc is None}
    assert len(on_bus) == 20
    assert {(slot, 0) for slot, _ in on_bus} <= on_bus
    assert [(one.slot, one.function) for one in placements[1:17]] == [(slot, 0) for slot in range(8, 24)]
