# SPDX-License-Identifier: Apache-2.0
"""Steps carried out for real: an emulated host, three guests with a probe, and a program of the host."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

from harness.bench.embedded import EmbeddedBench
from harness.bench.guests import StartedGuest, Wanted, stop
from harness.emulator.service.client import HostRequestError
from harness.errors import BenchError
from harness.host.protocol import HostConnection, HostProgram, HostRegion
from harness.narrow import present
from harness.replay.reference import Outcome
from harness.replay.script import GUESTS, HOST, Step

_START_SECONDS: Final = 120.0
_WORD: Final = 8
_PAGE: Final = 4096


class Actor(Protocol):
    """An actor that can have connections."""

    def perform(self, step: Step) -> Outcome:
        """Run the step and return its result; nothing for a connection that does not exist."""

    def detach_all(self) -> None:
        """Leave every region."""


class _Guest:
    """A guest that executes the commands of its probe."""

    def __init__(self, name: str, bench: EmbeddedBench) -> None:
        self._bench = bench
        self._wanted = Wanted(GUESTS.index(name), "probe", "vdev shmem", bench.folder, name)
        self._handles: dict[str, tuple[int, int]] = {}
        self._guest: StartedGuest | None = None

    def begin(self) -> None:
        """Start it, without waiting for it."""
        self._guest = self._bench.start("aarch64", self._wanted)

    def open(self) -> None:
        """Wait until it answers."""
        self._probe = present(self._guest).connect()

    def end(self) -> None:
        """Cut the power, and wait until the host has taken everything back."""
        guest, self._guest = self._guest, None
        self._handles.clear()
        if guest:
            stop([guest])

    def perform(self, step: Step) -> Outcome:
        """See Actor."""
        if step.verb == "kill":
            self.end()
            self.begin()
            self.open()
            return {}
        if step.verb == "attach":
            return {} if step.connection in self._handles else self._attach(step)
        if step.connection not in self._handles:
            return {}
        handle, pages = self._handles[step.connection]
        match step.verb:
            case "detach":
                del self._handles[step.connection]
                self._probe.detach(handle)
            case "write":
                self._probe.write("data", _offset(step, pages), _WORD, step.number("VALUE"), handle=handle)
            case "read":
                return {"value": self._probe.read("data", _offset(step, pages), _WORD, handle=handle)}
            case "notify":
                self._probe.notify(step.number("MASK"), handle=handle)
            case "status":
                status = self._probe.status(handle)
                return {"pending": status.pending, "members": status.members}
        return {}

    def _attach(self, step: Step) -> Outcome:
        answer = self._probe.attach(step.words[1], step.number("PAGES"))
        if answer.handle is None or answer.index is None:
            return {"status": answer.status}
        self._handles[step.connection] = (answer.handle, answer.size)
        return {"status": answer.status, "index": answer.index, "pages": answer.size}

    def detach_all(self) -> None:
        """See Actor."""
        while self._handles:
            _, (handle, _) = self._handles.popitem()
            self._probe.detach(handle)


class _HostProgram:
    """A program of the host, with as many connections as it likes."""

    def __init__(self, program: HostProgram) -> None:
        self._program = program
        self._connections: dict[str, HostConnection] = {}

    def perform(self, step: Step) -> Outcome:
        """See Actor."""
        if step.verb == "attach":
            if step.connection in self._connections:
                return {}
            try:
                made = self._program.create(step.words[1], step.number("PAGES"))
            except HostRequestError as refused:
                return {"status": refused.status}
            self._connections[step.connection] = made
            return {"status": 0, "index": made.index, "pages": made.pages}
        connection = self._connections.get(step.connection)
        if connection is None:
            return {}
        match step.verb:
            case "detach":
                self._connections.pop(step.connection).detach()
            case "write":
                connection.write(_offset(step, connection.pages), step.number("VALUE").to_bytes(_WORD, "little"))
            case "read":
                data = connection.read(_offset(step, connection.pages), _WORD)
                return {"value": int.from_bytes(data, "little")}
            case "notify":
                connection.notify(step.number("MASK"))
            case "status":
                word = connection.status()
                return {"pending": word & 0xFFFF, "members": word >> 16}
        return {}

    def detach_all(self) -> None:
        """See Actor."""
        while self._connections:
            self._connections.popitem()[1].detach()


def _offset(step: Step, pages: int) -> int:
    return step.number("PAGE") % pages * _PAGE


class World:
    """A host with its guests, running while the context lasts. ``fault`` names a deliberate defect of the host."""

    def __init__(self, fault: str = "") -> None:
        self._fault = fault
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shmem-replay-")))
            bench = stack.enter_context(EmbeddedBench(folder, boot_seconds=_START_SECONDS))
            if self._fault:
                bench.host.inject(self._fault)
            guests = {name: _Guest(name, bench) for name in GUESTS}
            for guest in guests.values():
                stack.callback(guest.end)
                guest.begin()
            for guest in guests.values():
                guest.open()
            program = stack.enter_context(bench.host.program())
            self._actors: dict[str, Actor] = {**guests, HOST: _HostProgram(program)}
            self._host = bench.host
            self._cleanup = stack.pop_all()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    def perform(self, step: Step) -> Outcome:
        """Run the step and return its result. Raises BenchError, also when the machine ran out of something."""
        outcome = self._actors[step.actor].perform(step)
        if missed := self._host.shortages():
            raise BenchError(
                f"after '{step}' the machine is {missed[0]}", remedy="raise the limit (ulimit -a shows them)"
            )
        return outcome

    def regions(self) -> Sequence[HostRegion]:
        """The regions that the host has."""
        return self._host.regions()

    def reset(self) -> None:
        """Leave every region, as a start for another sequence. Raises BenchError when something stays behind."""
        for actor in self._actors.values():
            actor.detach_all()
        if left := self.regions():
            raise BenchError(f"regions without a client are still there: {left}")
