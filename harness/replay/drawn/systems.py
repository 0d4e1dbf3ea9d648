# SPDX-License-Identifier: Apache-2.0
"""Systems drawn at random: virtual machines, their devices, and the names that matter to them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Final

from harness.bench.configuration import shmem
from harness.bench.settings import BenchConfig, MmioLocation
from harness.replay.model.parties import GROUPS
from harness.replay.model.state import LARGEST, cannot_start
from harness.replay.script import GUESTS, as_bytes, as_text
from harness.shmem.boundaries import impossible_bytes
from harness.shmem.config import ConfigError, ShmemVdev
from harness.shmem.oracle import creations, decide
from harness.shmem.profile import Profile
from harness.shmem.registers import MAX_NAME_LENGTH, NAME_SIZE, PAGE_SIZE

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_OTHERS: Final = " .-_~0%\\\xa0\xe9\xff"
"""Characters that something on the way may trim, fold or take for something else."""
_KEYWORDS: Final = ("allow", "deny", "create", "subst", "name", "vdev", "system", "loc")
"""Names that a host may take for options of a configuration."""
_HALF: Final = 16
SIZES: Final = (1, 1, 1, 2, 2, 3, 3, 4, 5, 7, 8, 9, 16, 17, 31, 33, 64, 65, 127, 128, 129, 255, 256, 257, 300)
"""Pages of regions: small ones, and both sides of powers of two."""
LARGE_SIZES: Final = (511, 512, 513, 1023, 1024, 1025, 2047, 2048, 2049, 4094, 4095, 4096, 4097)
"""The same, for devices that all have room for them."""
HUGE_SIZES: Final = (LARGEST + 1, (1 << 31) - 1, 1 << 31, (1 << 31) + 1, (1 << 32) - 1)
"""Pages that nobody has memory for; who asks for a region that is there already gets it all the same."""
_CANNOT_START: Final = 0.4
"""How many systems have a guest that cannot start."""
_COMMON: Final = 0.35
"""How many of the regions to create are ones that other devices create as well."""
_RICH: Final = 0.01
"""How many devices create dozens of regions."""
_NO_EFFECT: Final = 0.15
_ILLEGAL_PREFIX: Final = 0.15
"""How many substitutions make names that are illegal: empty ones, or such with a slash."""
_LARGE: Final = 0.1
"""How many creates are large, where all devices have room for such regions."""
_UNITS: Final = ((1 << 10, "kK"), (1 << 20, "mM"))
_MANY: Final = (4, 5, 7, 8, 9, 10, 12)
"""Devices of a guest that has more than others."""


@dataclass(frozen=True)
class System:
    """The options of the devices of each guest, and the names that its guests may ask for, as bytes."""

    devices: dict[str, tuple[str, ...]]
    names: tuple[bytes, ...]

    @cached_property
    def has_room(self) -> bool:
        """Whether regions may be large: a device in memory may have few places for them, or none."""
        return not any("loc " in options for several in self.devices.values() for options in several)


def draw_system(random: Random, config: BenchConfig, placement: str) -> System:
    """Three to five guests with one to three devices each; one in a while has a dozen."""
    stems = ["".join(random.choices(_LETTERS, k=random.randint(2, 6))) for _ in range(3)]
    names = _names(random, stems)
    guests = GUESTS[: random.choices((3, 4, 5), (6, 3, 1))[0]]
    counts = [random.choices((1, 2, 3, random.choice(_MANY)), (10, 8, 4, 1))[0] for _ in guests]
    placed = [_places(random, config, placement, count) for count in counts]
    stock = _Stock(random, config.profile, stems, names, has_room=not any(any(places) for places in placed))
    devices: dict[str, tuple[str, ...]] = {}
    for number, (guest, places) in enumerate(zip(guests, placed, strict=True)):
        devices[guest] = tuple(stock.device(f"{guest}{n}", number, place) for n, place in enumerate(places))
    if len(devices) < len(GUESTS) and random.random() < _CANNOT_START:
        guest = GUESTS[len(devices)]
        count = random.randint(1, 3)
        broken = random.randrange(count)
        places = _places(random, config, placement, count)
        devices[guest] = tuple(
            stock.device(f"{guest}{n}", 0, place, good=n != broken) for n, place in enumerate(places)
        )
    return System(devices, tuple(dict.fromkeys([*_bytes(names), *_of_devices(devices, names, config.profile)])))


def _places(random: Random, config: BenchConfig, placement: str, count: int) -> list[MmioLocation | None]:
    """Where the devices of a guest are; None is the PCI bus."""
    free = list(config.mmio)
    if placement == "mmio":
        return list(free[:count])
    places: list[MmioLocation | None] = []
    for number in range(count):
        in_memory = number > 0 and bool(free) and random.random() < 0.5
        places.append(free.pop(0) if in_memory else None)
    random.shuffle(places)
    return places


def _bytes(names: list[str]) -> list[bytes]:
    return [name.encode("latin-1") for name in names]


def _names(random: Random, stems: list[str]) -> list[str]:
    """Names in all relations that a rule or a limit may make a difference to, and that nobody may take for the same.

    The latter are what a host would fold if it trimmed, normalised or decoded names; the bytes beyond ASCII are an
    accented letter in both of its UTF-8 forms.
    """
    names = list(stems)
    for stem in stems:
        long = (stem * MAX_NAME_LENGTH)[:_HALF]
        names += random.sample(
            [
                f"{stem}{random.randint(0, 99)}",
                f"{random.choice(_LETTERS)}{stem}",
                stem[:-1],
                stem.upper(),
                stem.capitalize(),
                stem + stem,
                f"{stem}-{random.choice(stems)}",
                stem.ljust(MAX_NAME_LENGTH, random.choice(_LETTERS)),
                f"{long}a",
                f"{long}b",
                stem[:-1] + chr(ord(stem[-1]) | 0x80),
                f"{stem}*",
                f"{stem} {stem[0]}",
                f".{stem}",
                f"{stem}?[{stem[0]}]",
                random.choice(_KEYWORDS),
            ],
            k=5,
        )
        names += random.choice(
            [
                [f"{stem} ", f"{stem}  "],
                [f" {stem}"],
                [f"{stem}.", f"./{stem}"],
                [f"{stem}_a", f"{stem}-a"],
                [f"{stem}%41", f"{stem}A"],
                [f"{stem}1", f"{stem}01"],
                [f"{stem}\xc3\xa9", f"{stem}e\xcc\x81"],
                [stem.ljust(MAX_NAME_LENGTH), stem.ljust(MAX_NAME_LENGTH - 1)],
            ]
        )
    return list(dict.fromkeys(names))


def illegal_names(random: Random, name: bytes) -> bytes:
    """A name that is illegal, or something else than it seems."""
    return random.choice(
        [
            b"",
            name.ljust(NAME_SIZE, b"z"),
            name[:1] + b"/" + name[1:],
            b"/" + name,
            name + b"\x01",
            name[:1] + b"\x7f" + name[1:],
            name + b"\0/" + name[:4],
        ]
    )[:NAME_SIZE]


def mutated(random: Random, name: bytes) -> bytes:
    """A name that differs in one place."""
    at = random.randrange(len(name) + 1)
    letter = random.choice((random.choice(_LETTERS), random.choice(_OTHERS))).encode("latin-1")
    changed = random.choice(
        [
            name[:at] + letter + name[at:],
            name[:at] + name[at + 1 :],
            name[:at] + letter + name[at + 1 :],
            name.swapcase(),
        ]
    )
    return changed[:MAX_NAME_LENGTH]


@dataclass(frozen=True)
class _Stock:
    """What the options of a system's devices are drawn from."""

    random: Random
    profile: Profile
    stems: list[str]
    names: list[str]
    has_room: bool

    def device(self, tag: str, guest: int, place: MmioLocation | None, *, good: bool = True) -> str:
        """The options of one device; those that the profile refuses are drawn again.

        With one that is not ``good`` no guest can start: a create of it cannot be made.
        """
        where = f"{place.options} " if place else ""
        while True:
            options = where + " ".join(self._options(tag, guest, broken=not good))
            if _starts(options, self.profile) is good:
                return options.strip()

    def _options(self, tag: str, guest: int, *, broken: bool) -> list[str]:
        random = self.random
        count = random.choice((0, 1, 1, 2, 2, 3, 3, 5, 8))
        kinds = random.choice((("allow",), ("deny",), ("allow", "deny"), ("allow", "deny")))
        rules = [f"{random.choice(kinds)} {pattern}" for pattern in _patterns(random, self.names, count)]
        several = random.choice((0, 0, 1, 2, 3)) if random.random() > _RICH else random.randint(20, 70)
        if self.profile.create_slot == "held":
            # The model has no clients that nobody is.
            several = 0
        makes = [self._create(self._made_name(f"{tag}{number}")) for number in range(several)]
        if broken:
            makes.append(self._impossible(tag))
        masks = [f"umask {self._bits()}" for _ in range(self._repeated())]
        groups = [f"gid {random.choice((*GROUPS, 0))}" for _ in range(self._repeated())]
        options = [*rules, *self._substs(guest), *makes, *masks, *groups, *self._of_no_effect(tag)]
        random.shuffle(options)
        return options

    def _impossible(self, tag: str) -> str:
        """A create of an illegal name, or of a size that no host has: qvm finds that out later, as others are made."""
        random = self.random
        if random.random() < 0.5:
            return f"create {tag},{random.choice(impossible_bytes()):#x}"
        return self._create(random.choice((f"{tag}/", f"/{tag}", tag.ljust(NAME_SIZE + 1, "z"))))

    def _substs(self, guest: int) -> list[str]:
        random = self.random
        if random.random() < 0.5:
            return []
        stem = random.choice(self.stems)
        first = random.choice(("", stem, stem[:2], stem[1:], stem[:1]))
        prefixes = [f"v{guest}-", "all-", "x", first + "x", "x" + first, *([""] if first else [])]
        if random.random() < _ILLEGAL_PREFIX:
            first, prefixes = random.choice(((stem, [""]), (first, [f"{stem}/", "/"])))
        substs = [f"subst {first},{random.choice(prefixes)}"]
        if random.random() < 0.2:
            substs.append(f"subst {random.choice(self.stems)[:2]},w{guest}")
        return substs

    def _of_no_effect(self, tag: str) -> list[str]:
        """Options that no guest can see anything of."""
        random = self.random
        drawn = [f"name {tag}", f"sched {random.choice((1, 10, 21, 63))}"]
        return [option for option in drawn if random.random() < _NO_EFFECT]

    def _permissions(self) -> bool:
        return self.profile.permission_options == "accepted" and self.random.random() < 0.4

    def _bits(self) -> str:
        """Permission bits in octal: common ones, none, a single one, or any."""
        random = self.random
        few = "0", f"{1 << random.randrange(9):03o}"
        return random.choice(("0600", "0640", "0666", "022", "027", *few, f"{random.randrange(0o1000):04o}"))

    def _repeated(self) -> int:
        """How often an option about permissions is there: the last one before a create counts for that."""
        return self.random.choice((1, 1, 2, 3)) if self._permissions() else 0

    def _made_name(self, own: str) -> str:
        """The name of a region to create: this device's own, or one that other devices create as well.

        The second one keeps the region, where the profile says what comes of that.
        """
        kept = self.profile.keeps_created
        return f"{self.random.choice(self.stems)}+" if kept and self.random.random() < _COMMON else own

    def _create(self, name: str) -> str:
        random = self.random
        mode = f",{self._bits()}" if self._permissions() else ""
        if mode and random.random() < 0.5:
            mode += f",{random.choice((*GROUPS, 0))}"
        one_bit = 1 << random.randrange(PAGE_SIZE.bit_length() - 1)
        less = random.choice((0, 0, 1, PAGE_SIZE - 1, one_bit, PAGE_SIZE - one_bit, random.randrange(PAGE_SIZE)))
        if self.profile.create_rounding != "up":
            less = 0
        pages = random.choice(LARGE_SIZES if self.has_room and random.random() < _LARGE else SIZES)
        return f"create {name},{_spelled(random, pages * PAGE_SIZE - less)}{mode}"


def _spelled(random: Random, number: int) -> str:
    """The number in one of the forms that a configuration may have (User's Guide, "VM configuration syntax")."""
    forms = [f"{number:#x}", f"{number:#x}", f"0x{number:X}", str(number), f"0d{number}"]
    forms += [f"{number // unit}{random.choice(letters)}" for unit, letters in _UNITS if number % unit == 0]
    return random.choice(forms)


def _starts(options: str, profile: Profile) -> bool | None:
    """Whether a guest with such a device starts; None for options that the profile refuses."""
    try:
        return not cannot_start(shmem(options).vdevs, profile)
    except ConfigError:
        return None


def _patterns(random: Random, names: list[str], count: int) -> list[str]:
    """Patterns that have to do with a few of the names, so that several cover one name, in each order."""
    plain = [name for name in names if name.isalnum() and name.isascii()]
    few = random.sample(plain, k=min(len(plain), random.choice((1, 1, 2))))
    return [_pattern(random, random.choice(few)) for _ in range(count)]


def _pattern(random: Random, name: str) -> str:
    """A pattern that covers the name, or nearly so. Only those that configuration text can hold."""
    at = random.randrange(len(name))
    return random.choice(
        [
            name,
            name,
            f"{name[: at + 1]}*",
            f"{name[: at + 1]}*",
            f"*{name[at:]}",
            f"{name[:at]}*{name[at + 1 :]}",
            f"{name}*",
            f"{name[:at]}?{name[at + 1 :]}",
            f"{name[:at]}[{name[at]}-z]{name[at + 1 :]}",
            f"{name[:at]}[{random.choice('!^')}{name[at]}]{name[at + 1 :]}",
            f"{name[:at]}*[{name[at]}{name[at - 1]}]{name[at + 1 :]}",
            f"*{name[at]}*",
            f"{name[:1]}*{name[-1:]}*",
            f"{name}{random.choice(_LETTERS)}",
        ]
    )


def covered(random: Random, pattern: str) -> bytes:
    """A name that the pattern covers or just does not: each special part is replaced by something."""
    name, rest = "", pattern
    while rest:
        head, rest = rest[0], rest[1:]
        if head == "*":
            name += random.choice(("", random.choice(_LETTERS), "".join(random.choices(_LETTERS, k=3)), rest[:1]))
        elif head == "?":
            name += random.choice(("", random.choice(_LETTERS), random.choice(_LETTERS), "ab"))
        elif head == "[" and "]" in rest[1:]:
            inside, _, rest = rest[1:].partition("]") if rest[0] in "!^" else rest.partition("]")
            name += random.choice((inside[:1], inside[-1:], random.choice(_LETTERS), "^", "", f"[{inside}]"))
        else:
            name += head
    data = as_bytes(name)[:MAX_NAME_LENGTH]
    return mutated(random, data) if random.random() < 0.35 else data


def _of_devices(devices: dict[str, tuple[str, ...]], names: list[str], profile: Profile) -> list[bytes]:
    """What the host calls these names, and what the devices create, by the names of either side."""
    found: list[str] = []
    for several in devices.values():
        for options in several:
            (vdev,) = shmem(options).vdevs
            found += [create.name for create in vdev.creates]
            found += [creation.host_name for creation in creations(vdev, profile)]
            found += [host for name in map(as_text, _bytes(names)) if (host := _host_name(vdev, name, profile)) != name]
    return [data for name in found if len(data := as_bytes(name)) <= MAX_NAME_LENGTH]


def _host_name(vdev: ShmemVdev, name: str, profile: Profile) -> str:
    return decide(vdev, name, profile).host_name
