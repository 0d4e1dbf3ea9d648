# SPDX-License-Identifier: Apache-2.0
"""The life of clients and regions."""

from __future__ import annotations

import os
from pathlib import Path

from harness.emulator.service.messages import Attach, Connected, Read, WaitPulses, Write
from harness.emulator.service.programs import Failed, HostProgram
from harness.shmem import registers as reg
from harness.shmem.registers import NOTIFY_ALL_OTHERS
from tests.emulator.behaviour.watching import Scenario, clients, known, shown
from tests.emulator.devices import Bench


async def joining_and_leaving(host: Bench) -> object:
    one, two, three = clients(host, 3)
    os.pwrite(host.region("talk").fd, b"kept", 0)
    members = [one.members, two.members]
    two.set_control(reg.CONTROL_DETACH_OFFSET, 2)
    members += [one.members, three.members]
    return members, known(host), os.pread(host.region("talk").fd, 4, 0), shown(two)


async def a_detach_of_one_of_two(host: Bench) -> object:
    driver = host.device()
    driver.request("small")
    driver.request("other")
    driver.detach(slot=0)
    driver.request("larger", 5)
    driver.detach(slot=0)
    return known(host), shown(driver)


async def deaths(host: Bench) -> object:
    one, two = host.device(), host.device(system="one-more")
    for driver in (one, two):
        driver.request("talk")
        driver.request("both", 2)
    host.end("one")
    states = [known(host), two.members]
    again = host.device()
    again.request("talk")
    return states, again.index, known(host)


async def the_end_of_the_maker(host: Bench) -> object:
    host.start("create made,0x1000", "maker")
    driver = host.device()
    driver.request("made")
    host.end("maker")
    return known(host)


async def what_a_detach_keeps(host: Bench) -> object:
    def held() -> tuple[int, int]:
        files = [str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
        maps = Path("/proc/self/maps").read_text()
        return sum("shmem-region" in file for file in files), maps.count("shmem-region")

    driver = host.device()
    before = held()
    driver.request("talk")
    driver.detach()
    return [after - earlier for after, earlier in zip(held(), before, strict=True)]


async def pulses_of_a_program(host: Bench) -> object:
    program = HostProgram(host.registry, host.registry.profile)
    call = program.operations
    (driver,) = clients(host, 1)
    await call[Attach](Attach("talk"))
    counts: list[object] = []
    for mask in (0b10, 0b10, NOTIFY_ALL_OTHERS):
        driver.notify(mask)
        other = host.device(system=f"more{len(counts)}")
        other.request("talk")
        counts.append(await call[WaitPulses](WaitPulses(connection=1, count=0, timeout=0)))
    program.close()
    return counts


async def the_whole_region_of_a_program(host: Bench) -> object:
    program = HostProgram(host.registry, host.registry.profile)
    call = program.operations
    clients(host, 1)
    made = await call[Attach](Attach("talk"))
    assert isinstance(made, Connected)
    seen: list[object] = []
    for request in (Write(1, made.pages * reg.PAGE_SIZE - 1, b"!"), Read(1, 0, made.pages * reg.PAGE_SIZE)):
        try:
            seen.append(await call[type(request)](request))
        except Failed as refused:
            seen.append(str(refused))
    program.close()
    return seen


SCENARIOS: tuple[Scenario, ...] = (
    joining_and_leaving,
    a_detach_of_one_of_two,
    deaths,
    the_end_of_the_maker,
    what_a_detach_keeps,
    pulses_of_a_program,
    the_whole_region_of_a_program,
)
