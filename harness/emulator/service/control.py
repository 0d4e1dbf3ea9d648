# SPDX-License-Identifier: Apache-2.0
"""The host's control socket: one session for each client."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import Awaitable, Iterable, Mapping
from pathlib import Path
from typing import Final, Protocol

from harness.account import is_own
from harness.emulator import shortages
from harness.emulator.device.regions import RequestFailed
from harness.emulator.device.rules import as_text
from harness.emulator.machine.guest import Exit, Guest, Streams
from harness.emulator.service import messages
from harness.emulator.service.host import Host
from harness.emulator.service.incoming import Incoming
from harness.emulator.service.programs import Failed, HostProgram, Operation
from harness.emulator.service.protocol import MAX_LINE, has_hung_up
from harness.emulator.service.qvm_lines import as_named, for_qvm
from harness.errors import HarnessError
from harness.narrow import present
from harness.structured import StructureError, parse_plain, structure, unstructure

_LOG = logging.getLogger(__name__)
_NO_ROOM_SECONDS: Final = 0.1
_LEAVE_SECONDS: Final = 10.0


class Defects(Protocol):
    """How faults are injected into the devices of this process."""

    def inject(self, name: str) -> None:
        """Give the devices a defect. Raises UsageError for an unknown one."""

    def clear(self) -> None:
        """Take all defects away again."""


class Service:
    """Listens for host programs and for qvm processes."""

    def __init__(self, host: Host, defects: Defects, ending: asyncio.Event, *, linger: bool) -> None:
        self.host = host
        self.defects = defects
        self.ending = ending
        self.linger = linger
        self._listener: socket.socket | None = None
        self._sessions: dict[asyncio.Task[None], Session] = {}
        self._accepting: asyncio.Task[None] | None = None

    async def listen(self, path: Path) -> None:
        """Take connections at ``path`` from now on."""
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self._listener.bind(str(path))
        self._listener.listen(64)
        self._accepting = asyncio.create_task(self._accept(self._listener))

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _ = await loop.sock_accept(listener)
            except OSError as error:
                # New connections wait until there is room again.
                shortages.note(error, "a connection to the host")
                await asyncio.sleep(_NO_ROOM_SECONDS)
                continue
            if not is_own(client):
                _LOG.warning("a connection of another user is refused")
                client.close()
                continue
            session = Session(self, client)
            task = asyncio.create_task(self._serve(session))
            self._sessions[task] = session
            task.add_done_callback(lambda done: self._sessions.pop(done, None))

    async def _serve(self, session: Session) -> None:
        try:
            await session.run()
        except (ConnectionError, ValueError) as error:
            _LOG.warning("a client is gone: %s", error)
        except (OSError, MemoryError) as error:
            shortages.note(error, "a request to the host")
            _LOG.error("a session has ended: %r", error)
        finally:
            session.close()
            self._sessions.pop(present(asyncio.current_task()), None)
            if self.linger and not self._sessions:
                # Whoever has had an answer keeps the host by its session, and nobody gets one from now on.
                self._stop_listening()
                self.ending.set()

    async def those_who_left_have_ended(self) -> None:
        """Until guests whose qvm was killed have given back what they held, as a kernel does before anybody can wait
        for the killed process.

        A qvm waits for those that came before it: two that were killed at their start would wait for each other.
        """
        me, left = asyncio.current_task(), []
        for task, session in self._sessions.items():
            if task is me and session.is_qvm:
                break
            if task is not me and session.has_left:
                left.append(task)
        if left:
            await asyncio.wait(left, timeout=_LEAVE_SECONDS)

    def _stop_listening(self) -> None:
        if self._accepting is not None:
            self._accepting.cancel()
        if self._listener is not None:
            self._listener.close()

    async def close(self) -> None:
        """Stop listening; sessions end with their guests."""
        self._stop_listening()
        for guest in list(self.host.guests.values()):
            await guest.stop("power-cut")
        if self._sessions:
            _, late = await asyncio.wait(self._sessions, timeout=2)
            for task in late:
                task.cancel()


class _UnknownError(ValueError):
    """There is no such operation."""


def _request(line: bytes, kinds: Iterable[type[messages.Request]]) -> messages.Request:
    """The request that a line holds, one of ``kinds``. Raises ValueError."""
    if len(line) > MAX_LINE:
        raise ValueError(f"a line of more than {MAX_LINE} bytes")
    said = parse_plain(line)
    if not isinstance(said, dict):
        raise ValueError("a request is a JSON object")
    operations = {kind.op: kind for kind in kinds}
    kind = operations.get(str(said.get("op")))
    if kind is None:
        raise _UnknownError(f"no operation {said.get('op')!r}; there are: {', '.join(operations)}")
    try:
        request: messages.Request = structure(said, kind, kind.op)
    except StructureError as error:
        raise ValueError(str(error)) from None
    return request


class Session:
    """One client of the control socket."""

    def __init__(self, service: Service, client: socket.socket) -> None:
        self._service = service
        self._host = service.host
        self._socket = client
        self._incoming = Incoming(client)
        self.is_qvm = False
        self._program = HostProgram(self._host.registry, self._host.profile)
        self._operations: Mapping[type[messages.Request], Operation] = {
            messages.AskGuests: self._guests,
            messages.WaitGuest: self._wait_guest,
            messages.WaitEnd: self._wait_end,
            messages.StopGuest: self._stop_guest,
            messages.AskRegions: self._regions,
            **self._program.operations,
            messages.AskShortages: self._shortages,
            messages.Inject: self._inject,
            messages.ClearFaults: self._clear_faults,
            messages.Shutdown: self._shutdown,
        }

    @property
    def has_left(self) -> bool:
        """Whether the client has ended, also when nothing of that has been read yet."""
        return has_hung_up(self._socket)

    async def run(self) -> None:
        """Answer requests until the client closes."""
        self._socket.setblocking(False)
        while (line := await self._incoming.line()) is not None:
            # What has come together is answered together, and guests want answers in between.
            await asyncio.sleep(0)
            try:
                request = _request(line, (messages.Start, *self._operations))
            except _UnknownError as error:
                await self._refuse(str(error))
            except ValueError as error:
                await self._refuse(f"malformed request: {error}")
            else:
                if isinstance(request, messages.Start):
                    await self._run_guest(request)
                    return
                await self._answer(request)

    async def _answer(self, request: messages.Request) -> None:
        try:
            work = self._operations[type(request)](request)
            await self._send(await (self._unless_gone(work) if isinstance(request, messages.Wait) else work))
        except (Failed, HarnessError) as error:
            await self._refuse(str(error))
        except RequestFailed as error:
            await self._refuse(error.status.name, status=int(error.status))
        except (TypeError, ValueError, OverflowError) as error:
            # Values that a record can have and an operation cannot.
            await self._refuse(f"malformed request: {error!r}")
        finally:
            # No operation of a host program takes descriptors.
            self._incoming.drop_descriptors()

    async def _unless_gone(self, work: Awaitable[object]) -> object:
        """Wait for what may take long. Raises ConnectionResetError when the client does not live to see it."""
        doing, leaving = asyncio.ensure_future(work), asyncio.create_task(self._incoming.ended())
        try:
            await asyncio.wait((doing, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                raise ConnectionResetError("it has ended while it waited")
            return doing.result()
        finally:
            doing.cancel()
            leaving.cancel()
            await asyncio.gather(doing, leaving, return_exceptions=True)

    async def _send(self, answer: object) -> None:
        await self._write({"ok": True, **unstructure(answer)})

    async def _refuse(self, error: str, **more: int) -> None:
        await self._write({"ok": False, "error": error, **more})

    async def _write(self, message: Mapping[str, object]) -> None:
        data = for_qvm(message) if self.is_qvm else json.dumps(message).encode() + b"\n"
        await asyncio.get_running_loop().sock_sendall(self._socket, data)

    def close(self) -> None:
        """The client has gone: its connections are detached."""
        try:
            self._program.close()
        finally:
            self._incoming.drop_descriptors()
            self._socket.close()

    # --- qvm: this session is the process

    async def _run_guest(self, start: messages.Start) -> None:
        """Start the guest and stay until it has ended, or until its qvm is gone: then its power is cut."""
        self.is_qvm = True
        if len(self._incoming.descriptors) != 2:
            await self._refuse("a start request needs two descriptors")
            return
        streams = Streams(*self._incoming.descriptors)
        self._incoming.descriptors = []
        try:
            await self._service.those_who_left_have_ended()
            words = [as_named(word) for word in start.arguments]
            started = await self._host.start_guest(words, Path(as_named(start.directory)), streams)
        except ValueError as error:
            # Words that no file can be named by.
            await self._refuse(f"malformed request: {error!r}")
            return
        finally:
            os.close(streams.stdin)
            os.close(streams.stdout)
        if isinstance(started, Exit):
            await self._send_exit(started)
            return
        # A qvm that has gone meanwhile is noticed as one that goes later.
        listening = asyncio.create_task(self._obey(started))
        try:
            with contextlib.suppress(ConnectionError):
                await self._send(messages.Started(started.name, list(started.notes)))
            result = await self._host.end_of(started)
        finally:
            listening.cancel()
        with contextlib.suppress(ConnectionError):
            await self._send_exit(result)

    async def _send_exit(self, result: Exit) -> None:
        await self._send(messages.Ended(result.status, result.message))

    async def _obey(self, guest: Guest) -> None:
        """Signals that qvm got, and its end."""
        with contextlib.suppress(ConnectionError, ValueError):
            while (line := await self._incoming.line()) is not None:
                match _request(line, (messages.Stop, messages.Report)):
                    case messages.Stop(how):
                        await guest.stop(how)
                    case messages.Report():
                        await self._send(messages.Reported(list(guest.report())))
        await guest.stop("power-cut")

    # --- one method for each operation of a host program

    async def _guests(self, _request: messages.AskGuests) -> messages.Guests:
        return messages.Guests([self._describe(guest) for guest in self._host.guests.values()])

    @staticmethod
    def _describe(guest: Guest) -> messages.RunningGuest:
        return messages.RunningGuest(guest.name, list(guest.console_paths), guest.pid)

    async def _wait_guest(self, request: messages.WaitGuest) -> messages.RunningGuest:
        await self._service.those_who_left_have_ended()
        try:
            return self._describe(await self._host.wait_guest(request.system, request.timeout))
        except TimeoutError as error:
            running = ", ".join(self._host.guests) or "none"
            late = f"guest {request.system!r} did not start within {request.timeout:g} s"
            raise Failed(f"{late}; running: {running}") from error

    async def _wait_end(self, request: messages.WaitEnd) -> messages.Done:
        try:
            await self._host.wait_end(request.system, request.timeout)
        except TimeoutError as error:
            raise Failed(f"guest {request.system!r} still runs after {request.timeout:g} s") from error
        return messages.Done()

    async def _stop_guest(self, request: messages.StopGuest) -> messages.Done:
        guest = self._host.guests.get(request.system)
        if guest is None:
            raise Failed(f"no guest {request.system!r}")
        await guest.stop(request.how)
        return messages.Done()

    async def _regions(self, _request: messages.AskRegions) -> messages.Regions:
        return messages.Regions(
            [
                messages.RegionState(
                    as_text(region.name),
                    region.pages,
                    region.mode,
                    region.group,
                    [messages.RegionClient(client.index, client.owner) for client in region.connected()],
                )
                for region in self._host.registry
            ]
        )

    async def _shortages(self, _request: messages.AskShortages) -> messages.Shortages:
        return messages.Shortages(list(shortages.noted()))

    async def _inject(self, request: messages.Inject) -> messages.Done:
        self._service.defects.inject(request.fault)
        return messages.Done()

    async def _clear_faults(self, _request: messages.ClearFaults) -> messages.Done:
        self._service.defects.clear()
        return messages.Done()

    async def _shutdown(self, _request: messages.Shutdown) -> messages.Done:
        self._service.ending.set()
        return messages.Done()
