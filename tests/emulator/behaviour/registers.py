# SPDX-License-Identifier: Apache-2.0
"""The registers of both pages, and the regions that a device shows."""

from __future__ import annotations

from harness.emulator.vfio_user.wire import PciRegion
from harness.shmem import registers as reg
from harness.shmem.registers import NOTIFY_ALL_OTHERS
from tests.emulator.behaviour.watching import Scenario, clients, factory_page, known, shown
from tests.emulator.devices import Bench


async def names_that_are_nearly_alike(host: Bench) -> object:
    driver = host.device()
    driver.request("the-same-sixteen-characters")
    driver.request("the-same-sixteen-others")
    for name in (b"caf\xe9", b"cafi"):
        driver.set_name(name)
        driver.store(reg.SIZE_OFFSET, 1)
    return len(host.regions())


async def names_that_are_illegal(host: Bench) -> object:
    driver = host.device()
    answers = []
    for name in (b"", b"a/b", b"a\x01", b"x" * reg.NAME_SIZE, b"good\0/bad"):
        driver.set_name(name)
        driver.store(reg.SIZE_OFFSET, 1)
        answers.append(driver.status)
    return answers


async def registers_after_requests(host: Bench) -> object:
    driver = host.device("deny secret")
    states = [factory_page(driver)]
    for name, pages in (("talk", 1), ("secret", 2), ("other", 3), ("secret", 4), ("talk", 2)):
        driver.request(name, pages)
        states.append(factory_page(driver))
    for number in (0, 1, 9):
        driver.find(number)
        states.append(factory_page(driver))
    return states


async def accesses_to_the_factory_page(host: Bench) -> object:
    driver = host.device()
    loads = [driver.load(place, width) for place, width in ((0, 8), (0, 4), (4, 4), (0, 1), (4, 1), (0x10, 4))]
    driver.store(reg.SHMEM_OFFSET, 7, 8)
    driver.store(reg.VECTOR_OFFSET, 7)
    driver.set_name(b"a-long-name")
    driver.set_name(b"short")
    states: list[object] = [factory_page(driver)]
    driver.request("talk")
    driver.store(reg.NAME_OFFSET + 4, 0x31, 1)
    states += [factory_page(driver), known(host)]
    driver.function.write(PciRegion.BAR0, reg.SIZE_OFFSET, b"\1\0\0\0wide")
    return loads, states, factory_page(driver), known(host)


async def accesses_to_the_control_page(host: Bench) -> object:
    one, two = clients(host, 2)
    two.notify(NOTIFY_ALL_OTHERS)
    narrow = [one.function.read(PciRegion.BAR2, place, 1) for place in (1, 2, 0, 4, 5)]
    states: list[object] = [narrow, one.control(reg.CONTROL_STATUS_OFFSET)]
    two.notify(1)
    one.set_control(reg.CONTROL_STATUS_OFFSET, 0xFFFF_FFFF)
    states.append(one.control(reg.CONTROL_STATUS_OFFSET))
    two.function.write(PciRegion.BAR2, reg.CONTROL_NOTIFY_OFFSET, b"\1")
    states.append(one.control(reg.CONTROL_STATUS_OFFSET))
    one.set_control(reg.CONTROL_IDX_OFFSET, 5)
    states += [one.index, two.members]
    one.function.write(PciRegion.BAR2, reg.CONTROL_DETACH_OFFSET + 1, b"\1")
    states.append(two.members)
    two.function.write(PciRegion.BAR2, reg.CONTROL_NOTIFY_OFFSET, b"\1\0\0\0\1\0\0\0")
    return states, known(host)


async def one_guest_in_two_regions(host: Bench) -> object:
    clients(host, 2)
    driver = host.device()
    driver.request("talk")
    driver.request("alone")
    return [driver.control(place, slot) for slot in (0, 1) for place in (0, 4)], shown(driver)


async def a_region_that_is_full(host: Bench) -> object:
    drivers = clients(host, 17)
    answers: list[object] = [driver.status for driver in drivers]
    indices = [driver.index for driver in drivers[:16]]
    late = drivers[16]
    members = drivers[0].members
    return answers, indices, members, late.request("other"), late.slot


async def a_find_after_the_last_detach(host: Bench) -> object:
    driver = host.device()
    driver.request("talk")
    driver.detach()
    return driver.find(0), factory_page(driver)


SCENARIOS: tuple[Scenario, ...] = (
    names_that_are_nearly_alike,
    names_that_are_illegal,
    registers_after_requests,
    accesses_to_the_factory_page,
    accesses_to_the_control_page,
    one_guest_in_two_regions,
    a_region_that_is_full,
    a_find_after_the_last_detach,
)
