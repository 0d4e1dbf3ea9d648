# SPDX-License-Identifier: Apache-2.0
"""Several programs of the host and a guest in a few regions: they join, signal, leave and end in a drawn order.

After each step every client of every region is asked who is there and who has signalled.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random
from typing import Final

import pytest

from fixtures.api import HostConnection, HostProgram
from fixtures.deployment import Deploy
from fixtures.guest import Guest, Region, indices
from fixtures.hostside import HostPrograms
from harness.shmem.registers import NOTIFY_ALL_OTHERS, STATUS_MEMBERS_SHIFT

pytestmark = [pytest.mark.only(guest_image=["probe"]), pytest.mark.drawn]

ROUNDS: Final = 2
TURNS: Final = 80
PROGRAMS: Final = 3
NAMES: Final = ("red", "green")
MOST: Final = 10
"""Clients at the same time."""
SECONDS: Final = 20.0
"""Longest time until a program has ended; it is only waited for when one stays."""
_END: Final = "the end of program"
GUEST: Final = -1
"""The guest among the numbers of programs."""


@dataclass
class Client:
    """One of a region: whose it is, its connection, and the indices that have signalled it."""

    owner: int
    name: str
    side: HostConnection | Region
    pending: set[int] = field(default_factory=set)

    @property
    def index(self) -> int:
        """Its index in the region."""
        return self.side.index

    def heard(self, expected: set[int], seconds: float) -> tuple[set[int], set[int]]:
        """Indices that have signalled, and those that are there: at once, or when these are as ``expected``.

        That may take so many seconds.
        """
        deadline = time.monotonic() + seconds
        pending, members = self._heard()
        while members != expected and time.monotonic() < deadline:
            more, members = self._heard()
            pending |= more
        return pending, members

    def _heard(self) -> tuple[set[int], set[int]]:
        if isinstance(self.side, Region):
            heard = self.side.heard()
            return heard.pending, heard.members
        word = self.side.status()
        return indices(word & (1 << STATUS_MEMBERS_SHIFT) - 1), indices(word >> STATUS_MEMBERS_SHIFT)


class Company:
    """The programs, the guest, and who has to be where."""

    def __init__(self, random: Random, programs: HostPrograms, guest: Guest, stack: ExitStack) -> None:
        self._random = random
        self._open = programs
        self._guest = guest
        self._programs: list[tuple[HostProgram, ExitStack]] = []
        self._stack = stack
        self._clients: list[Client] = []
        for _ in range(PROGRAMS):
            self._programs.append(self._start())

    def _start(self) -> tuple[HostProgram, ExitStack]:
        own = self._stack.enter_context(ExitStack())
        return own.enter_context(self._open()), own

    def _of(self, name: str) -> list[Client]:
        return [client for client in self._clients if client.name == name]

    def step(self) -> str:
        """Let one of them do something; what it was."""
        random = self._random
        client = random.choice(self._clients) if self._clients else None
        match random.randrange(8):
            case 0 | 1 if client:
                return self._signal(client)
            case 2 if client:
                client.side.detach()
                self._clients.remove(client)
                return f"{client.owner} leaves {client.name}"
            case 3:
                number = random.randrange(PROGRAMS)
                self._programs[number][1].close()
                self._programs[number] = self._start()
                self._clients = [client for client in self._clients if client.owner != number]
                return f"{_END} {number}"
            case _ if len(self._clients) < MOST:
                return self._join(random.randrange(GUEST, PROGRAMS), random.choice(NAMES))
        return "nothing"

    def _join(self, owner: int, name: str) -> str:
        if owner == GUEST and any(client.owner == GUEST for client in self._of(name)):
            # What a second request for the same region does is a reading.
            owner = 0
        side = self._guest.attach(name) if owner == GUEST else self._programs[owner][0].create(name, 1)
        taken = {client.index for client in self._of(name)}
        assert side.index not in taken, f"{owner} has an index of another client of {name}"
        self._clients.append(Client(owner, name, side))
        return f"{owner} joins {name}"

    def _signal(self, sender: Client) -> str:
        others = [client for client in self._of(sender.name) if client is not sender]
        wanted = self._random.sample(others, k=self._random.randint(0, len(others)))
        mask = sum(1 << client.index for client in wanted)
        if self._random.random() < 0.3:
            mask, wanted = NOTIFY_ALL_OTHERS, others
        sender.side.notify(mask)
        for client in wanted:
            client.pending.add(sender.index)
        return f"{sender.owner} signals {mask:#x} in {sender.name}"

    def wrong(self, what: str) -> Iterator[str]:
        """Clients that see something else than there is to see after ``what``. They have read it then.

        The end of a program takes its time, and nothing else does.
        """
        seconds = SECONDS if what.startswith(_END) else 0.0
        for client in self._clients:
            members = {other.index for other in self._of(client.name)}
            if (heard := client.heard(members, seconds)) != (client.pending, members):
                expected = client.pending, members
                yield f"client {client.index} of {client.name}, of {client.owner}: {heard}, expected {expected}"
            client.pending = set()


@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.requirement("SHM-HOST-02", "SHM-CTRL-02", "SHM-LIFE-01")
def test_every_client_sees_the_others_come_go_and_signal(
    deploy: Deploy, host_programs: HostPrograms, number: int
) -> None:
    """Programs have several connections, to one region as well, and some end without leaving."""
    (guest,) = deploy("")
    with ExitStack() as stack:
        company = Company(Random(f"programs {number}"), host_programs, guest, stack)
        for turn in range(TURNS):
            what = company.step()
            wrong = list(company.wrong(what))
            assert not wrong, f"turn {turn}: {what}: {'; '.join(wrong)}"
