# SPDX-License-Identifier: Apache-2.0
"""Sizes, permissions and groups of regions in drawn guests, as the host shows them all the time (release 8.0)."""

from __future__ import annotations

from random import Random
from typing import Final

import pytest

from fixtures.bench import Bench
from fixtures.deployment import Deploy
from fixtures.guest import Guest
from fixtures.hostside import HostRegions
from fixtures.settings import Setting
from harness.shmem.config import Gid, Umask
from harness.shmem.oracle import DEFAULT_MODE, creations
from harness.shmem.profile import Profile
from harness.shmem.registers import FLAGS_OFFSET, PAGE_SIZE

pytestmark = [pytest.mark.only(guest_image=["probe"]), pytest.mark.drawn]

ROUNDS: Final = 3
VDEVS: Final = 8
REQUESTS: Final = 25
CREATED: Final = tuple(f"m{number}".ljust(length, "x") for number, length in enumerate((4, 5, 8, 13, 21, 30, 31) * 9))
"""Names of many lengths up to the greatest."""
ASKED: Final = tuple(f"asked{number}" for number in range(10))
GROUPS: Final = {"0": 0, "root": 0, "77": 77, "4242": 4242}
PLAIN: Final = "create plain,4096"
"""The options of a device whose region says which group is qvm's own."""
READINGS: Final = {
    "region_lifetime": "last-client",
    "flags": "creation",
    "flags_zero": "default-mode",
    "flags_unknown_bits": "ignored",
}
"""Of the profile, those that the expected permissions are of."""
_EXECUTE: Final = 0o111

Seen = tuple[int, int | None, int | None]
"""Of a region: its pages, its permissions and its group."""


def _drawn_mode(random: Random) -> int:
    """Permissions of any kind, of which there are some."""
    return random.randrange(1, 0o10) * 0o100 | random.randrange(0o100)


def _create(random: Random) -> str:
    fields = [random.choice(CREATED), str(random.choice((1, PAGE_SIZE, 3 * PAGE_SIZE)))]
    if random.random() < 0.6:
        fields.append(f"0{_drawn_mode(random):o}")
        if random.random() < 0.5:
            fields.append(random.choice(list(GROUPS)))
    return f"create {','.join(fields)}"


def drawn_options(random: Random) -> str:
    """Creates of a device, among the first of them a mask and a group or none.

    What two masks or groups of one device would mean is not documented.
    """
    options = [_create(random) for _ in range(random.choice((1, 3, 6, 12)))]
    for option in random.sample((f"umask 0{random.randrange(0o1000):o}", f"gid {random.choice(list(GROUPS))}"), k=2):
        if random.random() < 0.8:
            options.insert(random.randint(0, len(options) // 2), option)
    return " ".join(options)


class Expected:
    """The regions that the host has to show, by name, as the options of the guest's devices want them."""

    def __init__(self, guest: Guest, profile: Profile, own_group: int | None) -> None:
        self._vdevs = guest.vdevs
        self._own_group = own_group
        self.regions: dict[str, Seen] = {}
        for vdev in guest.vdevs:
            for made in creations(vdev, profile):
                self.regions.setdefault(made.host_name, (made.pages, made.mode, self._group(made.gid)))
        self._created = dict(self.regions)

    def _group(self, gid: str | None) -> int | None:
        return self._own_group if gid is None else GROUPS[gid]

    def ask(self, number: int, name: str, pages: int, flags: int) -> None:
        """A guest asks for a region by this device; one that is there stays as it is."""
        options = self._vdevs[number].options
        mask = next((option.bits for option in options if isinstance(option, Umask)), 0)
        gid = next((option.group for option in options if isinstance(option, Gid)), None)
        mode = (flags or DEFAULT_MODE) & DEFAULT_MODE & ~mask
        self.regions.setdefault(name, (pages, mode, self._group(gid)))

    def leave(self) -> None:
        """The guest leaves all regions: those of its creates stay."""
        self.regions = dict(self._created)


@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.requirement("SHM-PERM-02", "SHM-PERM-03", "SHM-PERM-05", "SHM-PERM-07", "SHM-CREATE-02")
def test_every_region_is_as_its_first_request_wants_it(
    deploy: Deploy, host_regions: HostRegions, bench: Bench, setting: Setting, number: int
) -> None:
    """By a create of any device of the guest or by a request; later ones of its name change nothing."""
    profile = bench.profile
    for field, reading in READINGS.items():
        if (given := getattr(profile, field)) != reading:
            pytest.skip(f"profile of bench {bench.name}: {field} is {given}; what is expected here is for {reading}")
    random = Random(f"permissions {number} {setting.placement}")
    vdevs = min(VDEVS, len(bench.config.mmio)) if setting.placement == "mmio" else VDEVS
    options = [PLAIN, *(drawn_options(random) for _ in range(vdevs - 1))]
    random.shuffle(options)
    (guest,) = deploy(tuple(options))

    def seen() -> dict[str, Seen]:
        names = {"plain", *CREATED, *ASKED}
        listed = {name: region for name, region in host_regions().items() if name in names}
        return {name: (region.pages, region.mode, region.group) for name, region in listed.items()}

    first = seen()
    expected = Expected(guest, profile, first["plain"][2])
    assert first == expected.regions, f"at the start of {options}"
    flags = [0] * vdevs
    for turn in range(REQUESTS):
        vdev, name = random.randrange(vdevs), random.choice((*CREATED[:3], *ASKED))
        pages = random.randint(1, 3)
        if random.random() < 0.6:
            flags[vdev] = random.choice((0, 0o400 | _drawn_mode(random), 0o400 | _drawn_mode(random) & ~_EXECUTE))
            guest.select(vdev)
            guest.write("factory", FLAGS_OFFSET, 4, flags[vdev])
        guest.request(name, pages, vdev=vdev)
        expected.ask(vdev, name, pages, flags[vdev])
        what = f"request {turn}, for {name} with {flags[vdev]:#o} by device {vdev} of {options}"
        assert seen() == expected.regions, what
        if random.random() < 0.3:
            guest.detach_all()
            expected.leave()
            assert seen() == expected.regions, f"nobody uses them after request {turn}"
