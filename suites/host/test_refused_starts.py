# SPDX-License-Identifier: Apache-2.0
"""Virtual machines that do not start, drawn, beside others that run: afterwards everything is as it was before.

The host has regions of all kinds then: made by a create or by a request, in use or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

import pytest

from fixtures.api import PATHS, REGIONS, GuestEndedError, judge
from fixtures.attempts import Try
from fixtures.bench import Bench
from fixtures.deployment import Deploy
from fixtures.guest import Region
from harness.shmem.boundaries import around, impossible_bytes
from harness.shmem.oracle import creations
from harness.shmem.registers import PAGE_SIZE

pytestmark = [pytest.mark.only(guest_image=["probe"]), pytest.mark.drawn]

ROUNDS: Final = 3
STARTS: Final = 6
_PEEKED: Final = 32
SIGNALS: Final = 128
"""A shell's exit statuses from here on are ends by a signal."""
_NAMES: Final = tuple(f"region{number}" for number in range(8))
_SIZES: Final = ("4096", "0x2000", "0x5000", "4096", "64k")
WIDE: Final = (
    *around(1 << 31, 1 << 32, least=1, most=1 << 33),
    (1 << 32) - PAGE_SIZE,
    (1 << 32) - PAGE_SIZE + 1,
    (1 << 32) + PAGE_SIZE,
)
_MISTAKES: Final = ("allov anything", *(f"create impossible,{size:#x}" for size in impossible_bytes()[-2:]))
_ILLEGAL: Final = ("create il/legal,4096", "subst il/,i create il/legal,4096", "subst nice,i/ create nice1,4096")
"""Names that are illegal to the guest, to the host, or to both, where a slash is."""


@dataclass(frozen=True)
class Seen:
    """What the host tells of itself, as far as it can, and what the guests see: members and bytes of their regions."""

    listed: object
    running: object
    by_guests: object


class Running:
    """Three guests with creates and regions that they share."""

    def __init__(self, random: Random, deploy: Deploy, bench: Bench) -> None:
        self._random = random
        self._bench = bench
        # A create of a region that is there with another size may be refused.
        fixed = bench.profile.create_existing == "rejected"
        self._sizes = {name: [random.choice(_SIZES)] if fixed else _SIZES for name in (*_NAMES, "new1", "new2")}
        self.guests = deploy(*(self._creates() for _ in range(3)))
        self._regions: list[Region] = []
        for guest in self.guests:
            for name in random.sample(_NAMES, k=3):
                self._regions.append(guest.attach(name, random.randint(1, 6)))
                self._regions[-1].fill(seed=len(self._regions))

    def _creates(self) -> str:
        chosen = self._random.sample(_NAMES, k=self._random.randint(1, 3))
        return " ".join(self._create(name) for name in chosen)

    def _create(self, name: str) -> str:
        return f"create {name},{self._random.choice(self._sizes[name])}"

    def refused(self) -> str:
        """A device that keeps its guest from starting, with creates of names that are there and of new ones."""
        names = [*self._random.sample(_NAMES, k=3), "new1", "new2"]
        options = [self._create(name) for name in names]
        mistakes = (*_MISTAKES, *(_ILLEGAL if self._bench.profile.name_slash == "illegal" else ()))
        options.insert(self._random.randint(2, len(options)), self._random.choice(mistakes))
        return f"vdev shmem {{location}} {' '.join(options)}"

    def seen(self) -> Seen:
        """Everything that must stay as it is."""
        with self._bench.host() as host:
            able = host.capabilities
            listed = sorted(host.regions(), key=lambda region: region.name) if REGIONS in able else None
            systems = [guest.name for guest in self.guests]
            running = [host.path_exists(f"/dev/qvm/{name}") for name in systems] if PATHS in able else None
        ends = (0, -_PEEKED)
        by_guests = [
            (region.members(), *(region.peek(end % (region.pages * PAGE_SIZE), _PEEKED) for end in ends))
            for region in self._regions
        ]
        return Seen(listed, running, by_guests)


@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.requirement("SHM-CREATE-05")
def test_a_create_that_cannot_be_takes_everything_back(deploy: Deploy, attempt: Try, bench: Bench, number: int) -> None:
    """Also creates before a word that qvm does not know; regions of others stay, whoever has made them."""
    running = Running(Random(f"refused {number}"), deploy, bench)
    before = running.seen()
    for _ in range(STARTS):
        text = running.refused()
        assert attempt(text).status is not None, f"accepted: {text}"
        assert running.seen() == before, f"after a guest that did not start: {text}"


def demand_refused(ended: GuestEndedError) -> None:
    """The guest with the create is the one whose qvm ended, by itself and not well. A crash is no refusal."""
    if ended.system != "guest0":
        raise ended
    judge(0 < ended.exit_status < SIGNALS, f"qvm ends with status {ended.exit_status}: {ended.messages}")


@pytest.mark.parametrize("size", WIDE, ids="{:#x} bytes".format)
@pytest.mark.requirement("SHM-CREATE-05", "SHM-CREATE-02")
def test_a_create_of_a_size_beyond_31_bits_is_whole_or_keeps_the_guest_from_starting(
    start_guests: Deploy, bench: Bench, size: int
) -> None:
    """Either is right, as hosts have more memory or less. A smaller region than was asked for never is."""
    try:
        guest, peer = start_guests(f"create wide,{size:#x}", "")
    except GuestEndedError as error:
        demand_refused(error)
        return
    (made,) = creations(guest.vdevs[0], bench.profile)
    region = peer.request("wide", pages=1).region
    assert region is not None
    assert region.pages == made.pages


@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.requirement("QVM-RUN-01")
def test_a_second_start_of_a_running_system_changes_nothing(
    deploy: Deploy, one_more: Try, bench: Bench, number: int
) -> None:
    """The one that runs goes on and has its directory, whatever the other one's configuration says."""
    random = Random(f"second {number}")
    running = Running(random, deploy, bench)
    before = running.seen()
    for guest in running.guests:
        text = random.choice(("vdev shmem {location}", "vdev shmem {location} create new1,4096", running.refused()))
        if one_more(text, system=guest.name).status is None:
            pytest.skip(f"the hypervisor of bench {bench.name} starts a second virtual machine of that name")
        assert running.seen() == before, f"after a second start of {guest.name}: {text}"
