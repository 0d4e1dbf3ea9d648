# SPDX-License-Identifier: Apache-2.0
"""The reference model: what every step must show, in as few words as possible.

It has the documented behaviour and, where the documentation is open, the readings of the preset profiles: the lowest
free index, signals to unused indices are lost, a region lives as long as its last client. It shares no code with the
emulated host.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.replay.script import Step

Outcome = dict[str, int]
"""What a step shows; empty for a step without anything to see, or about a connection that does not exist."""

_EVERYBODY_ELSE = 0xFFFF_FFFF
_MOST_CLIENTS = 16
_CLIENT_MAX = 3


@dataclass
class _Region:
    pages: int
    words: dict[int, int] = field(default_factory=dict)
    clients: dict[int, str] = field(default_factory=dict)
    pending: dict[int, int] = field(default_factory=dict)

    @property
    def members(self) -> int:
        return sum(1 << index for index in self.clients)


@dataclass(frozen=True)
class _Connection:
    actor: str
    region: str
    index: int


class Reference:
    """Carries out steps on paper."""

    def __init__(self) -> None:
        self._regions: dict[str, _Region] = {}
        self._connections: dict[str, _Connection] = {}

    def perform(self, step: Step) -> Outcome:
        """What the step must show."""
        if step.verb == "kill":
            return self._kill(step.actor)
        if step.verb == "attach":
            return self._attach(step)
        connection = self._connections.get(step.connection)
        if connection is None or connection.actor != step.actor:
            return {}
        region = self._regions[connection.region]
        match step.verb:
            case "detach":
                self._leave(step.connection)
                return {}
            case "write":
                region.words[step.number("PAGE") % region.pages] = step.number("VALUE")
                return {}
            case "read":
                return {"value": region.words.get(step.number("PAGE") % region.pages, 0)}
            case "notify":
                self._notify(region, connection.index, step.number("MASK"))
                return {}
            case _:
                return {"pending": region.pending.pop(connection.index, 0), "members": region.members}

    def _attach(self, step: Step) -> Outcome:
        if step.connection in self._connections:
            return {}
        name = step.words[1]
        region = self._regions.setdefault(name, _Region(step.number("PAGES")))
        free = [index for index in range(_MOST_CLIENTS) if index not in region.clients]
        if not free:
            return {"status": _CLIENT_MAX}
        region.clients[free[0]] = step.connection
        self._connections[step.connection] = _Connection(step.actor, name, free[0])
        return {"status": 0, "index": free[0], "pages": region.pages}

    def _notify(self, region: _Region, sender: int, mask: int) -> None:
        for index in region.clients:
            if index != sender if mask == _EVERYBODY_ELSE else mask >> index & 1:
                region.pending[index] = region.pending.get(index, 0) | 1 << sender

    def _leave(self, name: str) -> None:
        connection = self._connections.pop(name)
        region = self._regions[connection.region]
        del region.clients[connection.index]
        region.pending.pop(connection.index, None)
        if not region.clients:
            del self._regions[connection.region]

    def _kill(self, actor: str) -> Outcome:
        for name in [name for name, connection in self._connections.items() if connection.actor == actor]:
            self._leave(name)
        return {}
