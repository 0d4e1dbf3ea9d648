# SPDX-License-Identifier: Apache-2.0
"""Single steps of programs of the host, drawn at random."""

from __future__ import annotations

from random import Random
from typing import Final

from harness.replay.drawn.steps import Draws
from harness.replay.drawn.systems import SIZES, illegal_names, mutated
from harness.replay.model.reference import Reference
from harness.replay.model.state import LARGEST
from harness.replay.script import HOST, PROGRAMS, Step, as_bytes, encode_name

_WEIGHTS: Final = {
    "attach": 8,
    "join": 3,
    "detach": 4,
    "notify": 6,
    "status": 4,
    "write": 2,
    "read": 2,
    "mark": 1,
    "edges": 2,
    "pulses": 4,
    "regions": 3,
    "end": 1,
}
_MOST_MARKED: Final = 10
"""Pages of a region whose every page a program goes through."""


class ProgramDraws:
    """Draws what a program of the host may do next. The names and masks are drawn as for guests."""

    def __init__(self, random: Random, draws: Draws, reference: Reference) -> None:
        self._random = random
        self._draws = draws
        self._reference = reference

    def step(self) -> Step | None:
        """The next one; none when nothing can come of what was drawn."""
        verb = self._random.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        if verb == "regions":
            return Step(HOST, verb)
        if verb == "end":
            return Step(HOST, verb, (str(self._random.choice(PROGRAMS)),))
        if verb in ("attach", "join"):
            return self.request(verb)
        client = self._draws.own(HOST)
        if not client or (verb in ("mark", "edges") and client.region.pages > _MOST_MARKED):
            return None
        extra = {
            "notify": (f"{self._draws.mask(client):#x}",),
            "write": (str(client.region.pages - 1), f"{self._random.getrandbits(64):#x}"),
            "read": (str(self._random.randrange(client.region.pages)),),
            "mark": (f"{self._random.getrandbits(24):#x}",),
        }.get(verb, ())
        return Step(HOST, verb, (client.connection, *extra))

    def request(self, verb: str) -> Step | None:
        """A program attaches, or joins what is there; at times by a name or with a size that nobody may have."""
        connection = self._draws.unused(HOST, 0)
        there = [as_bytes(region.name) for region in self._reference.regions]
        plain = [name for name in self._draws.liked if name.isalnum() and name.isascii()]
        names = there if there and self._random.random() < 0.8 else plain
        if not connection or not names:
            return None
        name = self._changed(self._random.choice(names))
        return Step(HOST, verb, (connection, encode_name(name), *([str(self._pages())] if verb == "attach" else [])))

    def _changed(self, name: bytes) -> bytes:
        """Mostly the name itself. The names of programs end where their text ends, so none has a NUL in it."""
        chance = self._random.random()
        if chance < 0.05:
            return illegal_names(self._random, name).partition(b"\0")[0]
        return mutated(self._random, name) if chance < 0.1 else name

    def _pages(self) -> int:
        chance = self._random.random()
        if chance < 0.03:
            return 0
        return LARGEST + 1 if chance < 0.05 else self._random.choice(SIZES)
