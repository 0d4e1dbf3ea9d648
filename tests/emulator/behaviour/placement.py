# SPDX-License-Identifier: Apache-2.0
"""The placement of devices, the commands to QEMU, and several devices in one VM."""

from __future__ import annotations

import tempfile
from pathlib import Path

import fdt

from harness.arch import Arch
from harness.emulator.device.function import ShmemFunction
from harness.emulator.device.pci_config import BAR0, COMMAND
from harness.emulator.machine import Placement, guest
from harness.emulator.machine.addresses import Banks
from harness.emulator.machine.board import board_of
from harness.emulator.machine.devices import VmDevices
from harness.emulator.machine.qtest import Qtest
from harness.emulator.vfio_user.wire import PciRegion
from harness.emulator.window import FIRST_BANK
from harness.shmem.config import parse, shmems_of
from harness.shmem.registers import NOTIFY_ALL_OTHERS
from tests.emulator.behaviour.watching import Scenario, factory_page, known
from tests.emulator.devices import Bench, Driver, FakeMapper


class FakeQtest(Qtest):
    """Records the commands to QEMU."""

    def __init__(self) -> None:
        self.commands: list[str] = []

    def post(self, *commands: str) -> None:
        self.commands += commands

    def pulse(self, *commands: str) -> None:
        self.post(*commands)

    async def command(self, command: str) -> str:
        self.commands.append(command)
        return "0"


def _bars(function: ShmemFunction) -> list[object]:
    regions = [function.region(index) for index in (PciRegion.BAR0, PciRegion.BAR2, PciRegion.BAR4)]
    return [(region.size, region.mappable) for region in regions if region]


async def devices_of_a_vm(host: Bench) -> object:
    states, broken = [], list[str]()
    places: tuple[tuple[Arch, int], ...] = (("aarch64", 287), ("aarch64", 43), ("x86_64", 7))
    for arch, line in places:
        vdev = shmems_of(parse("vdev shmem create a,0x1000 create b,0x1000 loc 0x1c050000"))[0]
        placement = Placement(vdev, 0, line, False, 0x1C05_0000, Banks(0x2000_0000, 0xA0_0000_0000, FIRST_BANK))
        with tempfile.TemporaryDirectory() as folder:
            vm = VmDevices("vm", Path(folder), host.registry, host.registry.profile, FakeMapper(), broken.append)
            vm.add([placement])
            qtest = FakeQtest()
            await vm.connect(qtest, arch, board_of(arch, "q35"))
            other = host.device(system="vm-other")
            other.request("talk")
            (placed,) = vm._placed
            Driver(placed.device, placed.function).request("talk")
            bus = placed.function.read(PciRegion.CONFIG, 0, 4)
            other.notify(NOTIFY_ALL_OTHERS)
            before = (known(host), qtest.commands, vm.report(), bus)
            vm.close()
            states.append((before, known(host)))
            host.end("vm-other")
            vm.undo()
    return states, broken


async def the_pci_function(host: Bench) -> object:
    driver = host.device()
    function = driver.function
    headers = [function.read(PciRegion.CONFIG, place, 4) for place in (0, BAR0, 0x18, 0x20)]
    driver.request("talk")
    for command in (b"\2", b"\0", b"\2"):
        function.write(PciRegion.CONFIG, COMMAND, command)
    return headers, _bars(function), known(host), factory_page(driver)[0]


async def names_of_two_devices(host: Bench) -> object:
    first, second = host.device(), host.device()
    first.set_name(b"one")
    return factory_page(second)


async def the_device_tree(_host: Bench) -> object:
    (vdev,) = shmems_of(parse("vdev shmem loc 0x1c050000 intr gic:43"))
    empty = fdt.FDT()
    empty.root = fdt.Node("/")
    placement = Placement(vdev, 0, 43, level=False, loc=0x1C05_0000)
    with_devices = vars(guest)["with_devices"]  # What a guest calls, which is not what its module of origin has.
    return with_devices(bytes(empty.to_dtb(version=17)), [placement])


SCENARIOS: tuple[Scenario, ...] = (
    devices_of_a_vm,
    the_pci_function,
    names_of_two_devices,
    the_device_tree,
)
