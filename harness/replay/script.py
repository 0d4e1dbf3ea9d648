# SPDX-License-Identifier: Apache-2.0
"""A sequence of operations as text: one line a step, ``ACTOR VERB [ARGUMENT...]``.

    one attach a red 4       guest one creates or attaches region red with 4 pages; the connection is called a
    host attach b red 1      so does a program of the host
    one write a 3 0xbeef     store a word in page 3 of connection a
    host read b 3            and look at it from the other side
    one notify a 0x2         signal client 1
    host status b            read the status word, which takes the signals
    one detach a             leave
    two kill                 cut the power of guest two and start it again

Empty lines and what follows ``#`` count for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from harness.errors import UsageError

GUESTS: Final = ("one", "two", "three")
HOST: Final = "host"
ACTORS: Final = (*GUESTS, HOST)
VERBS: Final = {
    "attach": ("CONNECTION", "NAME", "PAGES"),
    "detach": ("CONNECTION",),
    "write": ("CONNECTION", "PAGE", "VALUE"),
    "read": ("CONNECTION", "PAGE"),
    "notify": ("CONNECTION", "MASK"),
    "status": ("CONNECTION",),
    "kill": (),
}
_NUMBERS: Final = {"PAGES", "PAGE", "VALUE", "MASK"}


@dataclass(frozen=True)
class Step:
    """One operation of one actor. Arguments are as VERBS names them; ``PAGE``, ``VALUE`` and ``MASK`` are numbers."""

    actor: str
    verb: str
    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((self.actor, self.verb, *self.words))

    @property
    def connection(self) -> str:
        """The name of the connection that the step is about."""
        return self.words[0]

    def number(self, argument: str) -> int:
        """A numeric argument by its name in VERBS."""
        return int(self.words[VERBS[self.verb].index(argument)], 0)


def parse(text: str, file: str = "<text>") -> list[Step]:
    """The steps of a text. Raises UsageError with file and line."""
    steps = []
    for line, content in enumerate(text.splitlines(), start=1):
        words = content.partition("#")[0].split()
        if words:
            steps.append(_step(words, f"{file}:{line}"))
    return steps


def _step(words: list[str], where: str) -> Step:
    actor, verb, *arguments = (*words, "")[:2] if len(words) < 2 else words
    if actor not in ACTORS:
        raise UsageError(f"{where}: unknown actor '{actor}'", remedy=f"the actors are {', '.join(ACTORS)}")
    if verb not in VERBS or (verb == "kill" and actor == HOST):
        raise UsageError(f"{where}: '{verb}' is not an operation of {actor}", remedy=f"there are {', '.join(VERBS)}")
    wanted = VERBS[verb]
    if len(arguments) != len(wanted):
        raise UsageError(f"{where}: wrong number of arguments", remedy=f"write '{actor} {verb} {' '.join(wanted)}'")
    for name, word in zip(wanted, arguments, strict=True):
        if name in _NUMBERS and not _is_number(word):
            raise UsageError(f"{where}: {name} is a number, not '{word}'")
    return Step(actor, verb, tuple(arguments))


def _is_number(word: str) -> bool:
    try:
        return int(word, 0) >= 0
    except ValueError:
        return False
