# SPDX-License-Identifier: Apache-2.0
"""Virtual machines whose shared memory is as the documents allow, drawn: they start, and each device is what its
options say.

Here a qvm that ends at its start is a finding in any case in which the same guest starts without shared memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Final

import pytest

from fixtures.api import GuestEndedError, conclude, judged
from fixtures.attempts import Try
from fixtures.bench import Bench
from fixtures.configuration import shmem
from fixtures.deployment import Deploy
from fixtures.guest import Guest
from fixtures.settings import MmioLocation, Setting
from harness.shmem.config import ShmemVdev
from harness.shmem.oracle import can_start, creations, decide
from harness.shmem.oracle.patterns import name_bytes
from harness.shmem.profile import Profile
from harness.shmem.registers import MAX_NAME_LENGTH, SIGNATURE
from suites.placement.places import drawn_places

pytestmark = [pytest.mark.only(guest_image=["probe"]), pytest.mark.every_release, pytest.mark.drawn]

ROUNDS: Final = 3
MOST_ON_PCI: Final = 10
OPTIONS: Final = (0, 1, 2, 4, 7, 40)
"""How many options a device has besides its own create."""
NAMES: Final = 12
CREATED_SIZES: Final = ("4096", "0x1000", "1", "4097", "20K", "0x5fff", "64k", "1M", "0x201000")
_LETTERS: Final = "abcxyzABZ0189.-_+~=@%éü߀あ"
_UNRESTRICTED: Final = ShmemVdev(())


class Drawn:
    """The options of the devices of a guest, and names to ask each for, by the profile of the bench.

    ``places`` are those of the devices in memory, none on PCI.
    """

    def __init__(self, random: Random, profile: Profile, places: Sequence[MmioLocation]) -> None:
        self._random = random
        self._profile = profile
        self._places = places
        most = len(places) or MOST_ON_PCI
        self._names = [self._word() for _ in range(NAMES)]
        # Several creates may come to one name on the host.
        self._sizes = CREATED_SIZES if profile.create_existing == "keep" else (random.choice(CREATED_SIZES),)
        self.options = tuple(self._usable(number) for number in range(random.randint(1, most)))

    def _word(self) -> str:
        """Letters of one to three bytes, no longer than a name can be."""
        length = self._random.choice((1, 2, 3, 5, 8, 13, MAX_NAME_LENGTH))
        word = "".join(self._random.choices(_LETTERS, k=length))
        while len(word.encode()) > MAX_NAME_LENGTH:
            word = word[:-1]
        return word

    def _usable(self, number: int) -> str:
        """Options of a device with which a guest starts under this profile."""
        while True:
            options = " ".join(self._options(number))
            if can_start(shmem(options).vdev, self._profile):
                return options

    def _options(self, number: int) -> list[str]:
        options = [self._option() for _ in range(self._random.choice(OPTIONS))]
        options.append(self._create(f"made{number}"))
        if self._random.random() < 0.5:
            options.append(f"name device{number}")
        if self._places:
            place = self._places[number]
            options += [f"loc {place.loc:#x}", f"intr {place.intr}"]
        self._random.shuffle(options)
        return options

    def _option(self) -> str:
        random, name = self._random, self._random.choice(self._names)
        match random.randrange(6):
            case 0 | 1:
                return f"allow {self._pattern(name)}"
            case 2:
                return f"deny {self._pattern(name)}"
            case 3:
                return f"subst {random.choice(('', name[:1], name[:3]))},{random.choice(('', 'p-', 'ü.', name[-2:]))}"
            case _:
                return self._create(name)

    def _create(self, name: str) -> str:
        return f"create {name},{self._random.choice(self._sizes)}"

    def _pattern(self, name: str) -> str:
        """The name, or a pattern that covers it."""
        at = self._random.randrange(len(name))
        return self._random.choice((name, f"{name[:at]}*", f"*{name[at:]}", f"{name[:at]}*{name[at + 1 :]}", "*"))

    def names(self) -> list[str]:
        """Names of its options and others beside them, in any order."""
        return self._random.sample([*self._names, self._word(), f"{self._word()[:8]}x"], k=NAMES)


@pytest.fixture(params=range(ROUNDS))
def drawn(request: pytest.FixtureRequest, bench: Bench, setting: Setting) -> Drawn:
    """A guest for this bench."""
    random = Random(f"documented {request.function.__name__} {request.param} {setting.placement}")
    return Drawn(random, bench.profile, drawn_places(random, bench) if setting.placement == "mmio" else ())


def _started(start_guests: Deploy, one_more: Try, drawn: Drawn) -> tuple[Guest, Guest]:
    """The guest and its peer, which has no restrictions.

    Raises BenchError when no guest starts here, with whatever options or without a device.
    """
    try:
        guest, peer = start_guests(drawn.options, "")
    except GuestEndedError as error:
        start_guests()
        without = one_more("")
        if without.status is not None:
            raise
        pytest.fail(f"with {' / '.join(drawn.options)}: {error}", pytrace=False)
    return guest, peer


@pytest.mark.requirement("QVM-CFG-04")
def test_what_the_documents_allow_starts(start_guests: Deploy, one_more: Try, drawn: Drawn) -> None:
    """The guest finds a device for each vdev."""
    guest, _ = _started(start_guests, one_more, drawn)
    found = guest.devices()
    assert len(found) == len(drawn.options), f"devices that the guest finds: {[device.factory for device in found]}"
    for number in range(len(drawn.options)):
        guest.select(number)
        assert guest.registers().signature == SIGNATURE, f"device {number}"


@pytest.mark.requirement("SHM-CREATE-02", "SHM-CREATE-03")
def test_regions_of_drawn_creates(start_guests: Deploy, one_more: Try, drawn: Drawn, bench: Bench) -> None:
    """A peer that asks for one page gets each region in the size of the first create of its name."""
    conclude(list(_wrong_creates(*_started(start_guests, one_more, drawn), bench.profile)))


@pytest.mark.requirement("SHM-ALLOW-04", "SHM-DENY-01", "SHM-SUBST-01", "SHM-PROF-04")
def test_names_of_drawn_devices(start_guests: Deploy, one_more: Try, drawn: Drawn, bench: Bench) -> None:
    """Each device grants and refuses names by its own list."""
    guest, _ = _started(start_guests, one_more, drawn)
    conclude(list(_wrong_verdicts(guest, drawn, bench.profile)))


def _wrong_creates(guest: Guest, peer: Guest, profile: Profile) -> Iterator[str]:
    """Creates whose region is not there in the size of the first of its name."""
    named: set[str] = set()
    for vdev in guest.vdevs:
        for creation in creations(vdev, profile):
            is_first = creation.host_name not in named
            named.add(creation.host_name)
            if not is_first or not decide(_UNRESTRICTED, creation.host_name, profile).allowed:
                continue
            seen = peer.request(name_bytes(creation.host_name)).region
            judged()
            if seen is None or seen.pages != creation.pages:
                found = f"{seen.pages} pages" if seen else "nothing"
                yield f"region {creation.host_name!r}: {creation.pages} pages expected, {found} found"
            peer.detach_all()


def _wrong_verdicts(guest: Guest, drawn: Drawn, profile: Profile) -> Iterator[str]:
    """Names with another status than that of the oracle."""
    for number, (vdev, options) in enumerate(zip(guest.vdevs, drawn.options, strict=True)):
        for name in drawn.names():
            expected, seen = decide(vdev, name, profile).status, guest.request(name_bytes(name), vdev=number).status
            judged()
            if seen != expected:
                yield f"device {number}, {options}: {name!r}: {expected.name} expected, {seen.name} seen"
            guest.detach_all()
