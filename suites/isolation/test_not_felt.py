# SPDX-License-Identifier: Apache-2.0
"""Guests with regions in common live the same life whatever a third one does, and a new one does not see who was there.

One drawn history of two guests is carried out twice: beside a guest that does nothing, and beside one that does a lot.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

import pytest

from fixtures.deployment import Deploy
from fixtures.guest import Guest, Region
from harness.shmem import registers as reg
from suites.registers.page import whole_page

pytestmark = pytest.mark.only(guest_image=["probe"])

TURNS: Final = 40
OURS: Final = ("ours0", "ours1", "ours2")
OTHERS: Final = ("other0", "other1", "other2")
NEVER: Final = "other, which nobody ever has"
SECONDS: Final = 20.0
"""Longest time that an interrupt may take; it is only waited for when one is missing."""
PAGES: Final = 3
FAILURES: Final = 20
"""More than a host has entries in the tables that a careless one fills with requests that fail."""
TOO_MANY: Final = 0xFFFF_FFFF
"""Pages, 16 TiB: no host has so many."""


class Pair:
    """Two guests; ``seen`` is what they have read, been answered and been interrupted for.

    The listener is in all regions and reads ``status`` in its handler alone; the talker comes and goes.
    """

    def __init__(self, talker: Guest, listener: Guest) -> None:
        self._talker = talker
        self._there = {name: listener.attach(name, PAGES) for name in OURS}
        self._here: dict[str, Region] = {}
        self._listener = listener
        self.seen: list[object] = []
        listener.listen()

    def step(self, random: Random) -> None:
        """Something that one of the two does, and all that both see then."""
        name = random.choice(OURS)
        there, here = self._there[name], self._here.get(name)
        if here is None:
            here = self._here[name] = self._talker.attach(name)
            self._hear(there)
        match random.randrange(4):
            case 0:
                here.detach()
                del self._here[name]
                self._hear(there)
            case 1:
                here.signal(there.index)
                self._hear(there)
            case 2:
                there.signal(here.index)
            case _:
                place = random.randrange(PAGES * reg.PAGE_SIZE - 8)
                here.poke(place, random.randbytes(8))
                self.seen.append(there.peek(place, 8))
        self.seen.append((self._talker.registers(), self._listener.registers()))
        self.seen.append({name: region.heard() for name, region in self._here.items()})

    def _hear(self, region: Region) -> None:
        self.seen.append(self._listener.wait_interrupts(SECONDS).senders(region.handle))

    def conclude(self) -> None:
        """Both leave; no interrupt was for nothing."""
        self._listener.check_disowned()
        self.seen += [whole_page(self._talker), whole_page(self._listener)]
        count = self._listener.interrupt_count()
        self.seen.append((count.owned, [count.region(there.handle) for there in self._there.values()]))
        for guest in (self._talker, self._listener):
            guest.settle(SECONDS)


def meddle(random: Random, guest: Guest) -> None:
    """Ask for what the rules refuse, or use regions of its own in any way."""
    number = len(guest.attached)
    match random.randrange(6):
        case 0 | 1:
            guest.request(random.choice(OURS), random.randrange(5))
        case 2 if number:
            random.choice(guest.attached).notify(random.choice((reg.NOTIFY_ALL_OTHERS, 0xFFFF, random.getrandbits(16))))
        case 3 if number:
            random.choice(guest.attached).detach()
        case 5:
            name = random.choice((*OURS, NEVER, "", "n" * reg.NAME_SIZE, b"\xff"))
            for _ in range(FAILURES):
                region = guest.request(name, random.choice((0, TOO_MANY))).region
                if region is not None:
                    region.detach()
        case 4:
            guest.write("factory", reg.FIND_OFFSET, 4, random.choice((0, 1, random.getrandbits(32))))
        case _:
            region = guest.request(random.choice(OTHERS), random.randint(1, 2 * PAGES)).region
            if region is not None:
                region.mark_pages(random.getrandbits(64))


def life(pair: Pair, between: Callable[[], None]) -> list[object]:
    """What the two have seen when ``between`` is called before each of their steps."""
    random = Random("life")
    for _ in range(TURNS):
        between()
        pair.step(random)
    between()
    pair.conclude()
    return pair.seen


@pytest.mark.parametrize("rules", ["deny ours*", "allow other*"], ids=["denied", "not-allowed"])
@pytest.mark.requirement("SHM-ISOL-06")
def test_what_a_refused_guest_does_is_not_felt(deploy: Deploy, rules: str) -> None:
    """By two guests that use the regions which it is refused."""
    talker, listener, _ = deploy("", "", rules)
    quiet = life(Pair(talker, listener), lambda: None)
    # Where places in the window are given in turns, only guests that are new get the same ones again.
    deploy()
    talker, listener, outsider = deploy("", "", rules)
    random = Random(rules)
    disturbed = life(Pair(talker, listener), lambda: meddle(random, outsider))
    for number, (alone, beside) in enumerate(zip(quiet, disturbed, strict=True)):
        assert beside == alone, f"observation {number}"


@pytest.mark.requirement("SHM-ISOL-07")
def test_a_new_guest_reads_nothing_of_an_earlier_one(deploy: Deploy) -> None:
    """Of the same name, which was granted and refused things and ended with its registers as they were then."""
    (guest,) = deploy("allow new0")
    first = whole_page(guest)
    for number in range(1, 3):
        random = Random(number)
        for name in random.sample([f"new{number - 1}", "something else", "n" * reg.NAME_SIZE], k=3):
            guest.request(name, random.randint(1, 20))
        guest.write("factory", reg.FLAGS_OFFSET, 4, random.getrandbits(9))
        guest.write("factory", reg.FIND_OFFSET, 4, random.getrandbits(32))
        (guest,) = deploy(f"allow new{number}")
        assert whole_page(guest) == first, f"guest {number}"
