# SPDX-License-Identifier: Apache-2.0
"""A sequence of operations as text: one line a step, ``ACTOR VERB [ARGUMENT...]``.

    bench qemu-x86_64           the bench, of the environment file (qemu-aarch64 without this line)
    one device allow red*       guest one has a vdev shmem with these options; a line for each of several
    one attach a red 4          it creates or attaches region red with 4 pages; the connection is called a
    host attach b red 1         so does a program of the host
    one write a 3 0xbeef        store a word in page 3 of connection a
    host read b 3               and look at it from the other side
    one notify a 0x2            signal client 1
    host status b               read the status word, which takes the signals
    one detach a                leave
    host attach 2.c red 1       connections of a second program of the host begin with 2.
    host end 2                  and this program ends, with all connections that it has
    two kill                    cut the power of guest two
    two start                   and start it again
    one notify a 0x1            what begins with & happens at the same moment as the step before it,
    & two detach c              so both orders are right
    three device create /,1     a guest that qvm refuses, as this create cannot be made, runs at no time;
    three start                 and to start it leaves nothing behind

Empty lines and what follows ``#`` are ignored. A guest without a line ``device`` has one without options. In
names, ``%XX`` is any byte. A step about a connection that is not open, or by a guest that does not run, is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

from harness.errors import UsageError

GUESTS: Final = ("one", "two", "three", "four", "five")
HOST: Final = "host"
ACTORS: Final = (*GUESTS, HOST)
DEFAULT_BENCH: Final = "qemu-aarch64"

_BOTH: Final = "CONNECTION NAME PAGES"
GUEST_VERBS: Final = {
    # Requests of a factory page. ``request`` takes the name that the register has; ``wide`` stores eight bytes, a part
    # of the name and the size or ``find`` beside it.
    "attach": f"{_BOTH} [DEVICE]",
    "request": "CONNECTION PAGES [DEVICE]",
    "wide": "CONNECTION OFFSET VALUE [DEVICE]",
    "find": "CONNECTION NUMBER [DEVICE]",
    "name": "NAME [DEVICE]",
    "flags": "VALUE [DEVICE]",
    "factory": "[DEVICE]",
    # Connections. ``detach`` may be a store of any width and value that touches the register; ``left`` looks where a
    # region was, and leaves something there; ``edges`` looks at the first and the last word of every page, which
    # ``mark`` writes.
    "detach": "CONNECTION [OFFSET] [WIDTH] [VALUE]",
    "notify": "CONNECTION MASK",
    "status": "CONNECTION",
    "write": "CONNECTION PAGE VALUE",
    "read": "CONNECTION PAGE",
    "mark": "CONNECTION SEED",
    "edges": "CONNECTION",
    "left": "CONNECTION",
    # ``stale`` stores to the control page of a region that was left; ``beyond`` looks behind a region, where nobody
    # else's bytes may be, and leaves something there.
    "stale": "CONNECTION OFFSET WIDTH VALUE",
    "beyond": "CONNECTION",
    "load": "CONNECTION OFFSET WIDTH",
    "store": "CONNECTION OFFSET WIDTH VALUE",
    # The same for the factory page, by the number of the device.
    "peek": "OFFSET WIDTH [DEVICE]",
    "poke": "OFFSET WIDTH VALUE [DEVICE]",
    # The registers of a device on PCI that never change: ``config`` reads some, ``configure`` tries to change them.
    "config": "OFFSET WIDTH [DEVICE]",
    "configure": "OFFSET WIDTH VALUE [DEVICE]",
    # The status register of a device on PCI, with the bit that says whether its pin has something to tell.
    "asserted": "[DEVICE]",
    # Interrupts. HOW is 0 (not at all), 1 (by the line), 2 (by message), 3 (by message, and no status is read) or 4 (by
    # a level on the line, which the handler masks in place of a look at any status; ``interrupts`` opens it again).
    "listen": "HOW [DEVICE]",
    # ``pin`` switches the interrupt pin of a device on PCI on (1) or off (0); messages are another matter. ``ones``
    # is a command of all ones, in 2 bytes or with the status beside it, as the vendor's sample program writes it.
    "interrupts": "[DEVICE]",
    "pin": "ON [DEVICE]",
    "ones": "[WIDTH] [DEVICE]",
    # Time passes in which the guest does nothing.
    "wait": "MILLISECONDS",
    # The guest itself. ``kill`` cuts its power, ``cut`` does so after a press of the power button that it ignores;
    # ``press`` presses that button until the guest has ended.
    "kill": "",
    "cut": "",
    "press": "",
    # The operator asks qvm to write down its state, which changes nothing.
    "report": "",
    "shutdown": "",
    "reboot": "",
    "start": "",
    # Its start is broken off after so long, wherever qvm is then.
    "abort": "MILLISECONDS",
}
"""What a guest can do, with the arguments; those in brackets may be left out."""
HOST_VERBS: Final = {
    "attach": _BOTH,
    "join": "CONNECTION NAME",
    **{verb: GUEST_VERBS[verb] for verb in ("notify", "status", "write", "read", "mark", "edges")},
    "detach": "CONNECTION",
    "pulses": "CONNECTION",
    "regions": "",
    "end": "[PROGRAM]",
}
"""What programs of the host can do. ``join`` attaches to a region that exists; ``regions`` is the host's list; ``end``
is the end of a program that has not left its regions, and another one takes its place."""
PROGRAMS: Final = (1, 2)
SECOND: Final = "2."
"""How the names of the second program's connections begin."""
_LOOKS_OF_GUESTS: Final = (
    "factory",
    "status",
    "read",
    "edges",
    "left",
    "stale",
    "beyond",
    "load",
    "peek",
    "config",
    "asserted",
)
LOOKS: Final = frozenset({*_LOOKS_OF_GUESTS, "interrupts", "pulses", "regions"})
"""Verbs that change nothing for anybody else, so that nobody can tell in which order different actors do them."""
_WORDS: Final = {"CONNECTION", "NAME"}
_DEFAULTS: Final = {"DEVICE": "0", "OFFSET": "0xc", "WIDTH": "4", "VALUE": "1", "PROGRAM": "1"}


@dataclass(frozen=True)
class Step:
    """One operation of one actor. ``together`` ones happen at the same moment as the step before them."""

    actor: str
    verb: str
    words: tuple[str, ...] = ()
    together: bool = field(default=False, compare=True)

    def __str__(self) -> str:
        return " ".join((*(["&"] if self.together else []), self.actor, self.verb, *self.words))

    @property
    def connection(self) -> str:
        """The name of the connection that the step is about."""
        return self.word("CONNECTION")

    @property
    def program(self) -> int:
        """The number of the host's program that does it."""
        if self.has("CONNECTION"):
            return program_of(self.connection)
        return self.number("PROGRAM") if self.has("PROGRAM") else PROGRAMS[0]

    @property
    def name(self) -> bytes:
        """The argument NAME; a lone % is the empty name."""
        word = self.word("NAME")
        return b"" if word == "%" else unquote_to_bytes(word)

    @property
    def is_look(self) -> bool:
        """Whether it changes nothing for anybody else."""
        return self.verb in LOOKS

    def has(self, argument: str) -> bool:
        """Whether the verb has such an argument."""
        return argument in arguments(self.actor, self.verb)

    def word(self, argument: str) -> str:
        """An argument by its name, or what it is when it is left out."""
        place = arguments(self.actor, self.verb).index(argument)
        return self.words[place] if place < len(self.words) else _DEFAULTS[argument]

    def number(self, argument: str) -> int:
        """A numeric argument by its name."""
        return int(self.word(argument), 0)


def program_of(connection: str) -> int:
    """The number of the host's program that a connection belongs to."""
    return 2 if connection.startswith(SECOND) else 1


def encode_name(name: bytes) -> str:
    """A name as a word of a step."""
    return quote_from_bytes(name, safe="*?[]!^") or "%"


def as_text(name: bytes) -> str:
    """A name as the host and the oracle have it: bytes that are no text stand for themselves."""
    return name.decode("utf-8", "surrogateescape")


def as_bytes(name: str) -> bytes:
    """The other way round."""
    return name.encode("utf-8", "surrogateescape")


def arguments(actor: str, verb: str) -> list[str]:
    """The names of the arguments of a verb."""
    return [word.strip("[]") for word in _verbs(actor)[verb].split()]


def _verbs(actor: str) -> dict[str, str]:
    return HOST_VERBS if actor == HOST else GUEST_VERBS


@dataclass(frozen=True)
class Script:
    """A bench, the options of the devices of each guest, and what happens."""

    bench: str
    devices: dict[str, tuple[str, ...]]
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        devices = [f"{actor} device {one}".rstrip() for actor, several in self.devices.items() for one in several]
        return "".join(f"{line}\n" for line in (f"bench {self.bench}", *devices, *self.steps))

    def with_steps(self, steps: Iterable[Step]) -> Script:
        """The same system with other steps."""
        return replace(self, steps=tuple(steps))


def moments(steps: Iterable[Step]) -> Iterator[list[Step]]:
    """The steps in groups of those that happen at the same moment."""
    group: list[Step] = []
    for step in steps:
        if group and not step.together:
            yield group
            group = []
        group.append(step)
    if group:
        yield group


def parse(text: str, file: str = "<text>") -> Script:
    """The script of a text. Raises UsageError with file and line."""
    bench, steps = DEFAULT_BENCH, []
    devices: dict[str, tuple[str, ...]] = {}
    for line, content in enumerate(text.splitlines(), start=1):
        words = content.partition("#")[0].split()
        where = f"{file}:{line}"
        if words[:1] == ["bench"] and len(words) == len(["bench", "NAME"]):
            bench = words[1]
        elif words[1:2] == ["device"] and words[0] in GUESTS:
            devices[words[0]] = (*devices.get(words[0], ()), " ".join(words[2:]))
        elif words:
            steps.append(_step(words, where))
    for step in steps:
        if step.actor != HOST:
            devices.setdefault(step.actor, ("",))
    return Script(bench, {actor: devices[actor] for actor in GUESTS if actor in devices}, tuple(steps))


def _step(words: list[str], where: str) -> Step:
    together = words[0] == "&"
    actor, verb, *given = (*words[together:], "", "")[: max(2, len(words) - together)]
    if actor not in ACTORS:
        raise UsageError(f"{where}: unknown actor '{actor}'", remedy=f"the actors are {', '.join(ACTORS)}")
    verbs = _verbs(actor)
    if verb not in verbs:
        raise UsageError(f"{where}: '{verb}' is not an operation of {actor}", remedy=f"there are {', '.join(verbs)}")
    usage = verbs[verb].split()
    least = sum(not word.startswith("[") for word in usage)
    if not least <= len(given) <= len(usage):
        raise UsageError(f"{where}: wrong number of arguments", remedy=f"write '{actor} {verb} {' '.join(usage)}'")
    for name, word in zip(arguments(actor, verb), given, strict=False):
        if name not in _WORDS and not _is_number(word):
            raise UsageError(f"{where}: {name} is a number, not '{word}'")
    return Step(actor, verb, tuple(given), together)


def _is_number(word: str) -> bool:
    try:
        return int(word, 0) >= 0
    except ValueError:
        return False
