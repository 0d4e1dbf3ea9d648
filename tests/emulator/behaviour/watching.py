# SPDX-License-Identifier: Apache-2.0
"""Running a scenario on a clock that does not wait, and what it can look at."""

from __future__ import annotations

import asyncio
import os
import selectors
from collections.abc import Awaitable, Callable
from typing import Any

from harness.emulator.vfio_user.wire import PciRegion
from harness.shmem import registers as reg
from harness.shmem.profile import Profile
from tests.emulator.devices import Bench, Driver, FakeMapper, bench

Scenario = Callable[[Bench], Awaitable[object]]
"""Uses the devices of a host, and returns what was seen."""


class _NoWaiting(selectors.DefaultSelector):
    """Tells at once what there is, and adds the time that it should have waited."""

    waited = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is not None:
            self.waited += max(0.0, timeout)
        return super().select(0 if timeout is not None else None)


class _Loop(asyncio.SelectorEventLoop):
    """An event loop whose time passes by its timers alone."""

    def __init__(self) -> None:
        self._no_waiting = _NoWaiting()
        super().__init__(self._no_waiting)

    def time(self) -> float:
        return self._no_waiting.waited


def run(scenario: Scenario) -> object:
    """What the scenario shows, on a host of its own."""

    async def whole() -> object:
        with bench(Profile.load("7.0")) as host:
            return await scenario(host)

    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(whole())


def factory_page(driver: Driver) -> tuple[object, ...]:
    """The factory page."""
    page = driver.function.read(PciRegion.BAR0, 0, reg.FACTORY_END)
    return page[: reg.NAME_OFFSET], page[reg.NAME_OFFSET :].rstrip(b"\0")


def shown(driver: Driver) -> list[object]:
    """Every change of the window."""
    mapper, banks = driver.device.window._mapper, [bank.fd for bank in driver.device.window.banks]
    assert isinstance(mapper, FakeMapper)
    return [change for of, *change in mapper.seen if of in banks]


def known(host: Bench) -> list[tuple[object, ...]]:
    """The host's regions and their clients."""
    return [
        (
            region.name,
            region.pages,
            region.mode,
            os.fstat(region.fd).st_size,
            [each.index for each in region.connected()],
        )
        for region in host.registry
    ]


def clients(host: Bench, count: int, name: str = "talk", pages: int = 1) -> list[Driver]:
    """Guests of as many VMs that have asked for the region."""
    drivers = [host.device(system=f"vm{number}") for number in range(count)]
    for driver in drivers:
        driver.request(name, pages)
    return drivers
