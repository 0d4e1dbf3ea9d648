# SPDX-License-Identifier: Apache-2.0
"""Guests with one wrong placement among right ones, drawn: what the documents do not intend, as the profile says.

The mistake is in any device, its options are in any order, and devices on PCI and in memory stand before and behind it.
What devices of other kinds have is taken, too: every address and line that the guest's own configuration gives them.
"""

from __future__ import annotations

from random import Random
from typing import Final

import pytest

from fixtures.attempts import Attempt, Try
from fixtures.bench import Bench
from fixtures.configuration import shmem
from fixtures.settings import BenchConfig
from harness.shmem.config import parse
from harness.shmem.config.memory_map import memory
from harness.shmem.oracle import can_start
from harness.shmem.profile import Profile
from harness.shmem.registers import PAGE_SIZE

pytestmark = [pytest.mark.only(guest_image=["probe"], placement=["mmio"]), pytest.mark.drawn]

MISTAKES: Final = ("loc_without_intr", "intr_without_loc", "bare_loc", "loc_collision", "intr_collision")
ON_PCI: Final = ("intr_without_loc", "bare_loc")
"""Those that ask for a device on PCI where they are accepted."""
ROUNDS: Final = 4
_BEFORE_AND_BEHIND: Final = 3


def has_pci(bench: BenchConfig) -> bool:
    """Whether guests have a PCI bus: an ARM guest need not."""
    return "pci" in bench.placements and (bench.architecture != "aarch64" or bench.profile.arm_pci == "present")


class Devices:
    """The lines of a guest's devices, each of which has at most one place of the bench.

    ``blamed`` are the numbers of those of which qvm may say that they are wrong.
    """

    def __init__(self, random: Random, bench: BenchConfig) -> None:
        self._random = random
        self._profile: Profile = bench.profile
        self._on_pci = has_pci(bench)
        self._places = random.sample(bench.mmio, k=len(bench.mmio))
        self.lines: list[str] = []
        self.blamed: list[int] = []

    def add(self, *placing: str, blamed: bool = False) -> None:
        """A device with these options and others, in a drawn order."""
        options = [*placing, *self._right_options(f"own{len(self.lines)}")]
        self._random.shuffle(options)
        # Without an address, the next word would be its argument.
        options.sort(key=lambda option: option == "loc")
        if blamed:
            self.blamed.append(len(self.lines))
        self.lines.append(" ".join(["vdev shmem", *options]))

    def _right_options(self, own: str) -> list[str]:
        """Two options with which a device starts in any order, as the profile says."""
        while True:
            options = self._random.sample([f"allow {own}*", f"allow {own}", "deny other*", f"create {own}c,4096"], k=2)
            if all(can_start(shmem(" ".join(one)).vdev, self._profile) for one in (options, options[::-1])):
                return options

    def add_right_ones(self, kept: int = 0) -> None:
        """A few devices, on PCI or at places of their own, but for as many as are ``kept`` for others."""
        for _ in range(self._random.randrange(_BEFORE_AND_BEHIND)):
            if len(self._places) > kept and self._random.random() < 0.5:
                place = self._places.pop()
                self.add(f"loc {place.loc:#x}", f"intr {place.intr}")
            elif self._on_pci:
                self.add()

    def add_wrong_one(self, mistake: str) -> None:
        """The mistake: two devices that collide, with others between them, or a single one."""
        one, two = self._places.pop(), self._places.pop()
        loc, intr = f"loc {one.loc:#x}", f"intr {one.intr}"
        if not mistake.endswith("_collision"):
            placing = {"loc_without_intr": loc, "intr_without_loc": intr, "bare_loc": "loc"}[mistake]
            self.add(placing, blamed=True)
            return
        self.add(loc, intr, blamed=True)
        self.add_right_ones()
        other = (f"loc {two.loc:#x}", intr) if mistake == "intr_collision" else (loc, f"intr {two.intr}")
        self.add(*other, blamed=True)

    @property
    def text(self) -> str:
        """The configuration, a device in each line."""
        return "".join(f"{line}\n" for line in self.lines)

    def is_blamed(self, attempt: Attempt) -> bool:
        """Whether qvm names the line of a device that is wrong, or none at all."""
        return not attempt.blamed or bool({attempt.own_lines[number] for number in self.blamed} & attempt.blamed)


@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.requirement("SHM-PROF-07")
def test_a_placement_that_is_not_meant(attempt: Try, bench: Bench, mistake: str, number: int) -> None:
    """Rejected, with the line of a device that is wrong, or accepted and the guest runs."""
    if len(bench.config.mmio) < 2:
        pytest.skip(f"bench {bench.name} has no two places for memory-mapped devices")
    accepted = getattr(bench.config.profile, mistake) == "accepted"
    if accepted and mistake in ON_PCI and not has_pci(bench.config):
        pytest.skip(f"guests of bench {bench.name} have no bus for the device that the option asks for")
    devices = Devices(Random(f"{mistake} {number}"), bench.config)
    devices.add_right_ones(kept=2)
    devices.add_wrong_one(mistake)
    devices.add_right_ones()
    tried = attempt(devices.text)
    if accepted:
        assert tried.status is None, f"rejected:\n{devices.text}"
        return
    assert tried.status is not None, f"accepted:\n{devices.text}"
    assert devices.is_blamed(tried), f"qvm blames another line:\n{tried.messages}\n{tried.text}"


def taken_by_others(text: str) -> list[tuple[str, str]]:
    """Options and values of a configuration by which devices of other kinds have an address in memory or a line."""
    options = [option for vdev in parse(text).vdevs if vdev.kind != "shmem" for option in vdev.options]
    return [
        (option.name, option.text)
        for option in options
        if (option.name == "loc" and option.text.startswith("0x")) or (option.name == "intr" and ":" in option.text)
    ]


def pages_of_memory(random: Random, text: str) -> list[int]:
    """Of each RAM and ROM of a configuration the first page, the last one and one between them."""
    pages: list[int] = []
    for one in memory(parse(text)):
        last = (one.end - 1) // PAGE_SIZE * PAGE_SIZE
        pages += [one.start, last, random.randrange(one.start, last, PAGE_SIZE)]
    return pages


def refuses_the_last(attempt: Attempt) -> bool:
    """Whether qvm has refused a configuration, for the last line that was tried if it names any of these."""
    return attempt.status is not None and attempt.blamed & {*attempt.own_lines} <= {attempt.own_lines[-1]}


@pytest.mark.requirement("SHM-PROF-07")
def test_memory_of_the_guest_is_taken(attempt: Try, bench: Bench) -> None:
    """A device in memory lies in RAM or ROM, behind devices that are right. A line that qvm names is that one's."""
    if bench.config.profile.loc_collision == "accepted":
        pytest.skip(f"the hypervisor of bench {bench.name} takes two things at one address")
    place, random = bench.config.mmio[0], Random("memory")
    pages = pages_of_memory(random, attempt("vdev shmem {location}\n").text)
    if not pages:
        pytest.skip(f"no address of memory is known of guests of {bench.name}")
    for page in pages:
        right = "vdev shmem\n" * (random.randrange(2) if has_pci(bench.config) else 0)
        tried = attempt(f"{right}vdev shmem loc {page:#x} intr {place.intr}\n")
        assert refuses_the_last(tried), f"accepted, or another line is blamed:\n{tried.text}{tried.messages}"


@pytest.mark.requirement("SHM-PROF-07")
def test_what_devices_of_other_kinds_have_is_taken(attempt: Try, bench: Bench) -> None:
    """A device in memory is at the address or on the line of a serial port, an interrupt controller or the like."""
    place, profile = bench.config.mmio[0], bench.config.profile
    taken = taken_by_others(attempt("vdev shmem {location}\n").text)
    if not taken:
        pytest.skip(f"guests of {bench.name} have no other devices with an address or a line")
    for option, value in taken:
        if getattr(profile, f"{option}_collision") == "accepted":
            continue
        own = {"loc": f"{place.loc:#x}", "intr": place.intr, option: value}
        tried = attempt(f"vdev shmem loc {own['loc']} intr {own['intr']}\n")
        assert refuses_the_last(tried), f"accepted, or another line is blamed:\n{tried.text}{tried.messages}"
