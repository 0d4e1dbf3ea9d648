# SPDX-License-Identifier: Apache-2.0
"""Signals, and the interrupts that they make."""

from __future__ import annotations

import asyncio
import os

from harness.emulator.vfio_user.wire import PciIrq, PciRegion
from harness.shmem import registers as reg
from harness.shmem.registers import NOTIFY_ALL_OTHERS
from tests.emulator.behaviour.watching import Scenario, clients
from tests.emulator.devices import Bench

_LONG_AFTER = 60.0
"""Seconds on the clock that does not wait: everything that was put off has happened."""


async def signals(host: Bench) -> object:
    drivers = clients(host, 16)
    host.device(system="stranger").request("strange")
    drivers[1].detach()
    taken = []
    for sender, mask in ((0, 0b1101), (2, 1), (2, NOTIFY_ALL_OTHERS), (3, 0xFFFF), (12, 0x8000), (0, 0b10)):
        drivers[sender].notify(mask)
        taken.append([driver.control(reg.CONTROL_STATUS_OFFSET, 0) for driver in drivers])
    stranger = host.machines["stranger"].functions[0]
    taken.append([int.from_bytes(stranger.read(PciRegion.BAR2, 0, 4), "little")])
    drivers[1].request("talk")
    return taken, drivers[1].control(reg.CONTROL_STATUS_OFFSET, 0)


async def unread_signals_of_who_leaves(host: Bench) -> object:
    one, two, three = clients(host, 3)
    two.notify(0b101)
    two.detach()
    states = [one.control(0)]
    three.detach()
    three.request("talk")
    two.request("talk")
    return states, two.control(0), three.control(0)


async def signals_of_a_device_in_memory(host: Bench) -> object:
    drivers = clients(host, 10)
    mapped = host.device("loc 0x1c050000 intr gic:43", "mapped")
    mapped.request("talk")
    mapped.notify(1 << 9)
    return [driver.control(0) for driver in drivers]


async def interrupts(host: Bench) -> object:
    one, two, three = clients(host, 3)
    stranger = host.device(system="stranger")
    stranger.request("strange")
    taken = [driver.count_interrupts() for driver in (one, two, three, stranger)]
    counts = []

    async def look() -> None:
        await asyncio.sleep(_LONG_AFTER)
        counts.append([count() for count in taken])

    for _ in range(2):
        two.notify(NOTIFY_ALL_OTHERS)
        await look()
        one.control(0)
        await look()
        two.detach()
        await look()
        two.request("talk")
        await look()
    one.detach()
    one.request("talk")
    await look()
    return counts


async def signals_after_a_while(host: Bench) -> object:
    one, two = clients(host, 2)
    two.notify(1)
    words = [one.control(0)]
    await asyncio.sleep(_LONG_AFTER)
    return [*words, one.control(0)]


async def interrupts_of_two_devices(host: Bench) -> object:
    (peer,) = clients(host, 1)
    first, second = host.device(), host.device()
    taken = [driver.count_interrupts() for driver in (first, second)]
    for driver in (first, second):
        driver.request("talk")
    peer.notify(NOTIFY_ALL_OTHERS)
    return [count() for count in taken]


async def an_event_for_the_pin(host: Bench) -> object:
    one, two = clients(host, 2)
    event = os.eventfd(0, os.EFD_NONBLOCK)
    host.stack.callback(os.close, event)
    one.function.set_interrupts(PciIrq.INTX, 0, [os.dup(event)])
    two.notify(1)
    try:
        return os.eventfd_read(event)
    except BlockingIOError:
        return 0


SCENARIOS: tuple[Scenario, ...] = (
    signals,
    unread_signals_of_who_leaves,
    signals_of_a_device_in_memory,
    interrupts,
    signals_after_a_while,
    interrupts_of_two_devices,
    an_event_for_the_pin,
)
