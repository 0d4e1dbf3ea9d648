# SPDX-License-Identifier: Apache-2.0
"""How long regions of ``create`` last: two guests that create them, and a program of the host where there can be one,
come, go, end and start in a drawn order.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from random import Random
from typing import Final

import pytest

from fixtures.api import HOST_CLIENT, HostConnection
from fixtures.bench import Bench
from fixtures.deployment import Deploy
from fixtures.guest import Guest, Region
from fixtures.hostside import HostPrograms, HostRegions
from harness.shmem.profile import Profile
from harness.shmem.registers import PAGE_SIZE

pytestmark = [pytest.mark.only(guest_image=["probe"]), pytest.mark.drawn]

ROUNDS: Final = 2
TURNS: Final = 60
SECONDS: Final = 20.0
"""Longest time until the host knows of an end; it is only waited for when a region stays or goes against the rules."""
CREATED: Final = {"maker": {"kept0": 1, "kept1": 3, "kept2": 20}, "second": {"kept1": 3, "kept2": 20, "kept3": 2}}
"""By guest, pages of the regions that it creates. Both name some of them."""
PROGRAM: Final = "program"
NAMES: Final = sorted({name for created in CREATED.values() for name in created})
PAGES: Final = CREATED["maker"] | CREATED["second"]
OPTIONS: Final = [
    " ".join(f"create {name},{pages * PAGE_SIZE}" for name, pages in created.items()) for created in CREATED.values()
]


class Life:
    """The two guests, who is in which region, who has made it, and which regions have to be there."""

    def __init__(
        self,
        random: Random,
        deploy: Deploy,
        host_regions: HostRegions,
        profile: Profile,
        programs: HostPrograms | None,
        stack: ExitStack,
    ) -> None:
        self._random = random
        self._deploy = deploy
        self._programs = programs
        self._stack = stack
        self._start_program()
        self._by_clients = profile.create_lifetime == "last-client"
        self._qvm_holds = profile.held_clients(1) > 0
        self._guests = dict(zip(CREATED, deploy(*OPTIONS), strict=True))
        self._ended: str | None = None
        self._held: dict[tuple[str, str], Region | HostConnection] = {}
        self.expected = dict.fromkeys(NAMES, bytes(8))
        """By name: the first bytes."""
        self._maker = dict.fromkeys(CREATED["second"], "second") | dict.fromkeys(CREATED["maker"], "maker")
        self._see_who_was_first(host_regions)

    def _see_who_was_first(self, host_regions: HostRegions) -> None:
        """Both have started at once: what both name and is gone when the second one ends was made by that."""
        self._end("second", Guest.power_off)
        if not self._by_clients:
            for name in CREATED["second"]:
                if name not in host_regions():
                    self._maker[name] = "second"
                    self.expected.pop(name, None)
        self._start("second")

    def step(self) -> str:
        """Let something happen; what it was."""
        random = self._random
        actors = (*CREATED, PROGRAM) if self._programs else CREATED
        who = random.choice([name for name in actors if name != self._ended])
        name = random.choice(NAMES)
        kind = random.random()
        if kind < 0.15:
            if who == PROGRAM:
                return self._end_program()
            return self._end(who) if self._ended is None else self._start(self._ended)
        if (who, name) in self._held:
            if kind < 0.5:
                self._held.pop((who, name)).detach()
                self._left(name)
                return f"{who} leaves {name}"
            self.expected[name] = random.randbytes(8)
            _write(self._held[who, name], self.expected[name])
            return f"{who} writes to {name}"
        if name not in self.expected:
            return "nothing"
        self._held[who, name] = region = self._joined(who, name)
        assert region.pages == PAGES[name], f"{name} has been made anew"
        assert _read(region) == self.expected[name], f"{name} has other bytes"
        return f"{who} joins {name}"

    def _joined(self, who: str, name: str) -> Region | HostConnection:
        return self._program.create(name, 7) if who == PROGRAM else self._guests[who].attach(name, pages=7)

    def _start_program(self) -> None:
        if self._programs:
            self._program = self._stack.enter_context(self._programs())

    def _end_program(self) -> str:
        self._stack.close()
        self._start_program()
        self._all_left(PROGRAM)
        return "the end of the program"

    def _all_left(self, who: str) -> None:
        left = [name for holder, name in self._held if holder == who]
        for name in left:
            del self._held[who, name]
        for name in left if self._by_clients and not self._qvm_holds else NAMES:
            self._left(name)

    def _end(self, who: str, how: Callable[[Guest], object] | None = None) -> str:
        how = how or self._random.choice((Guest.power_off, Guest.cut_power, Guest.kill))
        how(self._guests[who])
        self._ended = who
        self._all_left(who)
        return f"the end of {who}"

    def _start(self, who: str) -> str:
        self._guests = dict(zip(CREATED, self._deploy(*OPTIONS), strict=True))
        self._ended = None
        for name in CREATED[who]:
            if name not in self.expected:
                self.expected[name], self._maker[name] = bytes(8), who
        return f"{who} starts again"

    def _left(self, name: str) -> None:
        """Somebody has left, or a guest has ended: the region goes when nothing keeps it.

        That another guest names it in a ``create`` does only where its qvm is a client of it, too.
        """
        kept = not self._by_clients and self._maker[name] != self._ended
        kept |= self._qvm_holds and any(name in CREATED[who] for who in CREATED if who != self._ended)
        if not kept and not any(held == name for _, held in self._held):
            self.expected.pop(name, None)


def _write(region: Region | HostConnection, data: bytes) -> None:
    """Put it at the beginning of the region."""
    (region.poke if isinstance(region, Region) else region.write)(0, data)


def _read(region: Region | HostConnection) -> bytes:
    """The first eight bytes of the region."""
    return region.peek(0, 8) if isinstance(region, Region) else region.read(0, 8)


@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.requirement("SHM-PROF-10")
def test_regions_of_create_last_as_the_profile_says(
    deploy: Deploy, host_regions: HostRegions, bench: Bench, number: int
) -> None:
    """The host's list has them as long as something keeps them, and no longer."""
    profile = bench.profile
    if profile.create_lifetime == "host-reboot":
        pytest.skip(f"profile of bench {bench.name}: regions of create are there until the host restarts")
    if profile.new_content == "stale":
        pytest.skip(f"profile of bench {bench.name}: a new region has the bytes of an earlier one (new_content)")
    # Guests that no earlier test had.
    deploy()
    with bench.host() as host, ExitStack() as stack:
        programs = host.program if HOST_CLIENT in host.capabilities else None
        life = Life(Random(f"created {number}"), deploy, host_regions, profile, programs, stack)
        for turn in range(TURNS):
            what = life.step()
            assert _there(host_regions, set(life.expected)) == set(life.expected), f"turn {turn}: {what}"


def _there(host_regions: HostRegions, expected: set[str]) -> set[str]:
    """The regions, once they are as expected, or after a while: the host hears of the end of what was killed."""
    deadline = time.monotonic() + SECONDS
    while (names := set(host_regions()) & set(NAMES)) != expected and time.monotonic() < deadline:
        pass
    return names
