# SPDX-License-Identifier: Apache-2.0
"""A region with few clients, with sixteen, and with any number between, who come and go and signal in a drawn order.

What only many clients show is looked at after every step: each of the sixteen bits of both halves of ``status``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

import pytest

from fixtures.api import HostConnection, HostProgram
from fixtures.deployment import Deploy
from fixtures.guest import Guest, Region, mask
from harness.shmem.registers import (
    CONTROL_IDX_OFFSET,
    CONTROL_STATUS_OFFSET,
    MAX_CLIENTS,
    NOTIFY_ALL_OTHERS,
    STATUS_MEMBERS_SHIFT,
)
from suites.registers.test_widths import LOADS

pytestmark = pytest.mark.only(guest_image=["probe"])

PHASES: Final = 12
STEPS: Final = 12
WORDS: Final = [(CONTROL_STATUS_OFFSET, 4)]


@dataclass(eq=False)
class Client:
    """A client of the region, and the indices that have signalled it."""

    side: HostConnection | Region
    pending: set[int] = field(default_factory=set)

    def load(self, offset: int, width: int) -> bytes:
        """A load of its control page; programs of the host read ``status`` whole."""
        if isinstance(self.side, Region):
            return self.side.load(offset, width).to_bytes(width, "little")
        return self.side.status().to_bytes(4, "little")[offset : offset + width]


class Crowd:
    """Two guests, and as many programs of the host as there should be, in the region ``name``."""

    def __init__(self, random: Random, name: str, program: HostProgram, guests: list[Region]) -> None:
        self._random = random
        self._name = name
        self._program = program
        self.guests = [Client(region) for region in guests]
        self._programs: list[Client] = []

    @property
    def _clients(self) -> list[Client]:
        return [*self.guests, *self._programs]

    def step(self, wanted: int) -> None:
        """Bring the number of clients nearer to ``wanted``, or let one signal."""
        clients, random = self._clients, self._random
        if random.random() < 0.5 or len(clients) == wanted:
            self._signal(random.choice(clients))
        elif len(clients) < wanted:
            client = Client(self._program.create(self._name, 1))
            assert client.side.index not in {other.side.index for other in clients}, "two clients with one index"
            self._programs.append(client)
        else:
            self._programs.pop(random.randrange(len(self._programs))).side.detach()

    def _signal(self, sender: Client) -> None:
        others = [client for client in self._clients if client is not sender]
        to = _some(self._random, others)
        bits = mask([client.side.index for client in to])
        if self._random.random() < 0.3:
            to, bits = others, NOTIFY_ALL_OTHERS
        sender.side.notify(bits)
        for client in to:
            client.pending.add(sender.side.index)

    def check(self, client: Client, offset: int, width: int) -> None:
        """One load, which has to see who is there and who has signalled; it takes the signals."""
        members = mask([other.side.index for other in self._clients])
        status = members << STATUS_MEMBERS_SHIFT | mask(client.pending)
        page = status.to_bytes(4, "little") + client.side.index.to_bytes(4, "little")
        seen = client.load(offset, width)
        expected, where = page[offset : offset + width], f"client {client.side.index}, {width} bytes at {offset:#x}"
        assert seen == expected, f"{where}: {seen.hex(' ')} seen, {expected.hex(' ')} expected"
        if offset < CONTROL_IDX_OFFSET:
            client.pending.clear()

    def check_all(self) -> None:
        """A load of ``status`` by every client."""
        for client in self._clients:
            self.check(client, CONTROL_STATUS_OFFSET, 4)


def _some(random: Random, clients: list[Client]) -> list[Client]:
    """Some of them, none and all among the cases."""
    return random.sample(clients, k=random.randint(0, len(clients)))


def _lives(guests: Sequence[Guest], program: HostProgram, loads: Sequence[tuple[int, int]]) -> None:
    """The guests read now and then, by one load or two behind each other; all clients at the end of each phase."""
    random = Random(f"crowd {len(loads)}")
    # The programs of another test may end later than that.
    name = f"crowd{len(loads)}"
    crowd = Crowd(random, name, program, [guest.attach(name) for guest in guests])
    crowd.check_all()
    for phase in range(PHASES):
        wanted = MAX_CLIENTS if phase % 3 == 1 else random.randint(2, MAX_CLIENTS)
        for _ in range(STEPS + MAX_CLIENTS):
            crowd.step(wanted)
            for client in _some(random, crowd.guests):
                for offset, width in random.choices(loads, k=random.choice((1, 2))):
                    crowd.check(client, offset, width)
        crowd.check_all()


@pytest.mark.requirement("SHM-CTRL-02", "SHM-CTRL-04", "SHM-NOTIF-01")
def test_every_client_of_a_crowd_sees_who_is_there_and_who_has_signalled(
    deploy: Deploy, host_program: HostProgram
) -> None:
    """By loads of the word."""
    _lives(deploy("", ""), host_program, WORDS)


@pytest.mark.requirement("SHM-PROF-05")
@pytest.mark.usefixtures("any_width")
def test_loads_of_any_width_in_a_crowd(deploy: Deploy, host_program: HostProgram) -> None:
    """Each returns its bytes of the two registers, and clears the signals if it touches ``status``."""
    _lives(deploy("", ""), host_program, LOADS)
