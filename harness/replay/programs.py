# SPDX-License-Identifier: Apache-2.0
"""A program of the host that carries steps out for real."""

from __future__ import annotations

import contextlib
import time
import zlib
from typing import Final

from harness.errors import OperationRefusedError
from harness.host.protocol import HostConnection, HostProgram, RequestRefusedError, ShmemHostProtocol
from harness.replay.model.parties import MARK, SEED_MASK, known_group
from harness.replay.model.state import Outcome
from harness.replay.script import Step, as_text
from harness.shmem.registers import PAGE_SIZE

_NOTICE_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.005
_WORD: Final = 8


class Program:
    """A program of the host, with as many connections as it likes; it runs from its first request until it ends."""

    def __init__(self, host: ShmemHostProtocol, *, tells_modes: bool) -> None:
        self._host = host
        self._tells_modes = tells_modes
        self._process: HostProgram | None = None
        self._connections: dict[str, tuple[str, HostConnection]] = {}
        self._cleanup = contextlib.ExitStack()

    def end(self) -> None:
        """End it, with all connections that it has, and give the host the time to notice.

        Whether the host does is for the next look at members to tell.
        """
        held = {(name, connection.index) for name, connection in self._connections.values()}
        self._process = None
        self._connections = {}
        self._cleanup.close()
        until = time.monotonic() + _NOTICE_SECONDS
        while held & self._held() and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)

    def _held(self) -> set[tuple[str, int]]:
        return {(region.name, index) for region in self._host.regions() for index in region.clients}

    @property
    def _program(self) -> HostProgram:
        if self._process is None:
            self._process = self._cleanup.enter_context(self._host.program())
        return self._process

    def perform(self, step: Step, pulses: int, patience: float) -> Outcome:
        """Carry a step out and tell what it showed; ``pulses`` are waited for ``patience`` seconds at most."""
        if step.verb == "regions":
            return self._regions()
        if step.verb == "end":
            self.end()
            return {"done": 0}
        if step.verb in ("attach", "join"):
            return self._open(step)
        _, connection = self._connections[step.connection]
        try:
            return self._use(step, connection, pulses, patience)
        except OperationRefusedError:
            # A client may do all of it, so no outcome of the model is like this one.
            return {"refused": 1}

    def _use(self, step: Step, connection: HostConnection, pulses: int, patience: float) -> Outcome:
        """Do something with a region of which the program is a client."""
        match step.verb:
            case "detach":
                del self._connections[step.connection]
                connection.detach()
            case "notify":
                connection.notify(step.number("MASK"))
            case "status":
                return {"control": connection.status()}
            case "pulses":
                return {"pulses": connection.wait_pulses(pulses, patience)}
            case _:
                return _data(step, connection)
        return {"done": 0}

    def _open(self, step: Step) -> Outcome:
        """Attach, which makes a region that is not there, or join one that is."""
        name = as_text(step.name)
        try:
            made = (
                self._program.attach(name) if step.verb == "join" else self._program.create(name, step.number("PAGES"))
            )
        except RequestRefusedError as refused:
            return {"status": refused.status}
        return {"there": 0} if made is None else self._made(step, made)

    def _made(self, step: Step, connection: HostConnection) -> Outcome:
        self._connections[step.connection] = as_text(step.name), connection
        return {"status": 0, "index": connection.index, "pages": connection.pages}

    def _regions(self) -> Outcome:
        seen: Outcome = {}
        for region in self._host.regions():
            seen[f"pages of {region.name}"] = region.pages
            seen[f"members of {region.name}"] = sum(1 << index for index in region.clients)
            if self._tells_modes and region.mode is not None:
                seen[f"mode of {region.name}"] = region.mode
                seen[f"group of {region.name}"] = known_group(region.group)
        return dict(sorted(seen.items()))


def _data(step: Step, connection: HostConnection) -> Outcome:
    """Data of a region, from the host's side."""
    if step.verb == "mark":
        for number in range(2 * connection.pages):
            word = MARK | (step.number("SEED") & SEED_MASK) << 24 | number
            connection.write(_edge(number), word.to_bytes(_WORD, "little"))
        return {"done": 0}
    if step.verb == "edges":
        data = connection.read(0, connection.pages * PAGE_SIZE)
        words = b"".join(data[(at := _edge(number)) : at + _WORD] for number in range(2 * connection.pages))
        return {"crc32": zlib.crc32(words)}
    offset = _edge(2 * (step.number("PAGE") % connection.pages))
    if step.verb == "write":
        connection.write(offset, step.number("VALUE").to_bytes(_WORD, "little"))
        return {"done": 0}
    return {"value": int.from_bytes(connection.read(offset, _WORD), "little")}


def _edge(number: int) -> int:
    return number // 2 * PAGE_SIZE + number % 2 * (PAGE_SIZE - _WORD)
