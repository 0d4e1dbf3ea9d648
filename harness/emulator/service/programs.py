# SPDX-License-Identifier: Apache-2.0
"""A program of the host: a client of regions like a guest's device, but without registers.

Source: the vendor's sample host program and the names in the host header hyp_shm.h. A program creates and attaches by
the host-side name, has sizes in pages and an ordinary index, and gets a pulse for each change of the status word. What
a guest would be refused with a status is refused to a program with the same one.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from harness.emulator.device.names import legal_name
from harness.emulator.device.regions import Client, Region, Registry, RequestFailed
from harness.emulator.device.rules import as_bytes
from harness.emulator.service.messages import (
    Attach,
    Connected,
    Create,
    Data,
    Detach,
    Done,
    Notify,
    OfConnection,
    Read,
    Request,
    StatusWord,
    TakeStatus,
    WaitPulses,
    Write,
)
from harness.emulator.service.messages import Pulses as PulsesCame
from harness.emulator.service.protocol import MAX_READ
from harness.emulator.window import Window
from harness.shmem.profile import Profile
from harness.shmem.registers import NAME_SIZE, PAGE_SIZE
from harness.shmem.status import Status

_WORD: Final = 0xFFFF_FFFF
_PROGRAMS: Final = "/host"
"""Who makes regions and connects to them, as no VM can be called: a system's name is part of a path."""

Operation = Callable[[Any], Awaitable[object]]
"""What carries a request out, and gives the record that answers it."""


class Failed(Exception):
    """A request that is answered with this text."""


class Pulses:
    """The pulses of a host program's connection: one for each change of its status word."""

    def __init__(self) -> None:
        self.count = 0
        self._came = asyncio.Event()

    def send(self) -> None:
        """The status word is another one now."""
        self.count += 1
        self._came.set()

    async def wait(self, count: int) -> None:
        """Until ``count`` pulses have come since the connection was made."""
        while self.count < count:
            self._came.clear()
            await self._came.wait()


class HostProgram:
    """The connections of one program, and its operations on them."""

    def __init__(self, registry: Registry, profile: Profile) -> None:
        self._registry = registry
        self._profile = profile
        self._connections: dict[int, Client] = {}
        self._numbers = itertools.count(1)
        self._pulses: dict[int, Pulses] = {}
        self.operations: Mapping[type[Request], Operation] = {
            Create: self._create,
            Attach: self._attach,
            Read: self._read,
            Write: self._write,
            Notify: self._notify,
            TakeStatus: self._status,
            WaitPulses: self._wait_pulses,
            Detach: self._detach,
        }

    def close(self) -> None:
        """The program has ended: its connections are detached."""
        for client in self._connections.values():
            client.detach()

    def _name(self, text: str) -> str:
        """The host-side name that a program gives. Raises RequestFailed when it is no legal one."""
        name = as_bytes(text).encode("latin-1")
        if len(name) > NAME_SIZE or b"\0" in name:
            raise RequestFailed(Status.ILLEGAL_NAME)
        return legal_name(name.ljust(NAME_SIZE, b"\0"), self._profile)

    async def _create(self, request: Create) -> Connected:
        name, pages = self._name(request.name), request.pages
        if not 0 <= pages <= _WORD:
            raise RequestFailed(Status.UNKNOWN_FAILURE)
        if pages == 0 and self._profile.size_zero == "one-page":
            pages = 1
        region = self._registry.find(name, pages)
        if region is None:
            return self._connect(self._new(name, pages))
        if pages <= 0 and self._profile.size_zero == "refused":
            raise RequestFailed(Status.UNKNOWN_FAILURE)
        if pages not in (0, region.pages) and self._profile.size_mismatch == "refused":
            raise RequestFailed(Status.UNKNOWN_FAILURE)
        return self._connect(region)

    def _new(self, name: str, pages: int) -> Region:
        if pages <= 0:
            raise RequestFailed(Status.UNKNOWN_FAILURE)
        if pages > Window.max_pages:
            raise RequestFailed(Status.NOMEM)
        return self._registry.create(name, pages, creator=_PROGRAMS, lifetime=self._profile.region_lifetime)

    async def _attach(self, request: Attach) -> Connected:
        region = self._registry.find(self._name(request.name))
        if region is None:
            raise Failed(f"no region {request.name!r}")
        return self._connect(region)

    def _connect(self, region: Region) -> Connected:
        # No number comes twice: whoever still has that of a connection which it has left reaches no other.
        number = next(self._numbers)
        pulses = Pulses()
        client = region.add(_PROGRAMS, pulses.send)
        self._connections[number], self._pulses[number] = client, pulses
        return Connected(number, client.index, region.pages)

    def _connection(self, request: OfConnection) -> Client:
        client = self._connections.get(request.connection)
        if client is None:
            raise Failed(f"no connection {request.connection!r}")
        return client

    def _span(self, request: Read | Write, length: int) -> tuple[int, int]:
        """The region's file and the offset in it, checked. Raises Failed."""
        region, offset = self._connection(request).region, request.offset
        if offset < 0 or length < 0 or offset + length > region.pages * PAGE_SIZE:
            raise Failed(f"{length} bytes at {offset} are not inside region {region.name!r} of {region.pages} pages")
        return region.fd, offset

    async def _read(self, request: Read) -> Data:
        if request.length > MAX_READ:
            raise Failed(f"{request.length} bytes in one answer; at most {MAX_READ}")
        fd, offset = self._span(request, request.length)
        return Data(os.pread(fd, request.length, offset))

    async def _write(self, request: Write) -> Done:
        fd, offset = self._span(request, len(request.data))
        os.pwrite(fd, request.data, offset)
        return Done()

    async def _notify(self, request: Notify) -> Done:
        client = self._connection(request)
        if not 0 <= request.mask <= _WORD:
            raise Failed(f"{request.mask} is no word of 32 bits")
        client.notify(request.mask)
        return Done()

    async def _status(self, request: TakeStatus) -> StatusWord:
        return StatusWord(self._connection(request).take_status())

    async def _wait_pulses(self, request: WaitPulses) -> PulsesCame:
        """How many pulses have come: at least ``count``, or what there is after ``timeout`` seconds."""
        self._connection(request)
        pulses = self._pulses[request.connection]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(request.timeout):
                await pulses.wait(request.count)
        return PulsesCame(pulses.count)

    async def _detach(self, request: Detach) -> Done:
        self._connection(request).detach()
        del self._connections[request.connection], self._pulses[request.connection]
        return Done()
