# SPDX-License-Identifier: Apache-2.0
"""The host's control socket: one session for each client."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Protocol

from harness.emulator import shortages
from harness.emulator.device.regions import Refused
from harness.emulator.machine.guest import Exit, Guest, Streams
from harness.emulator.service.host import Host
from harness.emulator.service.programs import Failed, HostProgram, Message, as_text
from harness.emulator.service.protocol import MAX_LINE
from harness.errors import HarnessError

_LOG = logging.getLogger(__name__)
_NO_ROOM_SECONDS: Final = 0.1


class Defects(Protocol):
    """How the devices of this process are made wrong on purpose."""

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
        self._sessions: set[asyncio.Task[None]] = set()
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
                # Whoever wants in waits until there is room again.
                shortages.note(error, "a connection to the host")
                await asyncio.sleep(_NO_ROOM_SECONDS)
                continue
            task = asyncio.create_task(self._serve(client))
            self._sessions.add(task)
            task.add_done_callback(self._sessions.discard)

    async def _serve(self, client: socket.socket) -> None:
        session = Session(self, client)
        try:
            await session.run()
        except (ConnectionError, ValueError) as error:
            _LOG.warning("a client is gone: %s", error)
        except (OSError, MemoryError) as error:
            shortages.note(error, "a request to the host")
            raise
        finally:
            session.close()
            if self.linger and not self.host.guests:
                self.ending.set()

    async def close(self) -> None:
        """Stop listening; sessions end with their guests."""
        if self._accepting is not None:
            self._accepting.cancel()
        if self._listener is not None:
            self._listener.close()
        for guest in list(self.host.guests.values()):
            await guest.stop("power-cut")
        if self._sessions:
            _, late = await asyncio.wait(self._sessions, timeout=2)
            for task in late:
                task.cancel()


def _message(line: bytes) -> Message:
    """The request that a line holds. Raises ValueError."""
    if len(line) > MAX_LINE:
        raise ValueError(f"a line of more than {MAX_LINE} bytes")
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError("a request is a JSON object")
    return message


class Session:
    """One client of the control socket."""

    def __init__(self, service: Service, client: socket.socket) -> None:
        self._service = service
        self._host = service.host
        self._socket = client
        self._input = bytearray()
        self._fds: list[int] = []
        self._program = HostProgram(self._host.registry, self._host.profile)
        self._operations: dict[str, Callable[[Message], Awaitable[Message]]] = {
            "guests": self._guests,
            "wait_guest": self._wait_guest,
            "wait_end": self._wait_end,
            "stop_guest": self._stop_guest,
            "regions": self._regions,
            **self._program.operations,
            "shortages": self._shortages,
            "inject": self._inject,
            "clear_faults": self._clear_faults,
            "shutdown": self._shutdown,
        }

    async def run(self) -> None:
        """Answer requests until the client closes."""
        self._socket.setblocking(False)
        while (line := await self._receive()) is not None:
            try:
                message = _message(line)
            except ValueError as error:
                await self._send({"ok": False, "error": f"malformed request: {error}"})
                continue
            if message.get("op") == "start":
                await self._run_guest(message)
                return
            await self._send(await self._answer(message))

    async def _answer(self, message: Message) -> Message:
        operation = self._operations.get(str(message.get("op")))
        if operation is None:
            return {
                "ok": False,
                "error": f"no operation {message.get('op')!r}; there are: {', '.join(self._operations)}",
            }
        try:
            return {"ok": True, **await operation(message)}
        except (Failed, HarnessError) as error:
            return {"ok": False, "error": str(error)}
        except Refused as error:
            return {"ok": False, "error": error.status.name, "status": int(error.status)}
        except (KeyError, TypeError, ValueError) as error:
            return {"ok": False, "error": f"malformed request: {error!r}"}

    async def _receive(self) -> bytes | None:
        """The next line, cut when it is too long for a request; None at the end."""
        line = bytearray()
        while b"\n" not in self._input:
            line += self._input[: MAX_LINE + 1 - len(line)]
            self._input = bytearray(await self._receive_some())
            if not self._input:
                return None
        last, _, self._input = self._input.partition(b"\n")
        return bytes(line + last)

    async def _receive_some(self) -> bytes:
        while True:
            await self._readable()
            with contextlib.suppress(BlockingIOError):
                data, fds, flags, _ = socket.recv_fds(self._socket, 1 << 16, 8)
                if flags & socket.MSG_CTRUNC:
                    shortages.note_number(errno.EMFILE, "descriptors from a qvm")
                self._fds += fds
                return data

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(self._socket, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._socket)

    async def _send(self, message: Message) -> None:
        await asyncio.get_running_loop().sock_sendall(self._socket, json.dumps(message).encode() + b"\n")

    def close(self) -> None:
        """The client has gone: its connections are detached."""
        self._program.close()
        while self._fds:
            os.close(self._fds.pop())
        self._socket.close()

    # --- qvm: this session is the process

    async def _run_guest(self, message: Message) -> None:
        """Start the guest and stay until it has ended, or until its qvm is gone: then its power is cut."""
        if len(self._fds) != 2:
            await self._send({"ok": False, "error": "a start comes with two descriptors"})
            return
        streams = Streams(*self._fds)
        self._fds = []
        try:
            started = await self._host.start_guest(message["arguments"], Path(message["directory"]), streams)
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
                await self._send({"ok": True, "started": started.name, "notes": started.notes})
            result = await self._host.end_of(started)
        finally:
            listening.cancel()
        with contextlib.suppress(ConnectionError):
            await self._send_exit(result)

    async def _send_exit(self, result: Exit) -> None:
        await self._send({"ok": True, "exit": result.status, "message": result.message})

    async def _obey(self, guest: Guest) -> None:
        """Signals that qvm got, and its end."""
        with contextlib.suppress(ConnectionError, ValueError):
            while (line := await self._receive()) is not None:
                message = _message(line)
                if message.get("op") == "stop":
                    await guest.stop(message["how"])
                elif message.get("op") == "report":
                    await self._send({"ok": True, "notes": guest.report()})
        await guest.stop("power-cut")

    # --- one method for each operation of a host program

    async def _guests(self, _message: Message) -> Message:
        return {"guests": [self._describe(guest) for guest in self._host.guests.values()]}

    @staticmethod
    def _describe(guest: Guest) -> Message:
        return {"system": guest.name, "consoles": guest.console_paths, "pid": guest.pid}

    async def _wait_guest(self, message: Message) -> Message:
        name, timeout = str(message["system"]), float(message["timeout"])
        try:
            return self._describe(await self._host.wait_guest(name, timeout))
        except TimeoutError as error:
            running = ", ".join(self._host.guests) or "none"
            raise Failed(f"guest {name!r} did not start within {timeout:g} s; running: {running}") from error

    async def _wait_end(self, message: Message) -> Message:
        name, timeout = str(message["system"]), float(message["timeout"])
        try:
            await self._host.wait_end(name, timeout)
        except TimeoutError as error:
            raise Failed(f"guest {name!r} still runs after {timeout:g} s") from error
        return {}

    async def _stop_guest(self, message: Message) -> Message:
        guest = self._host.guests.get(str(message["system"]))
        if guest is None:
            raise Failed(f"no guest {message['system']!r}")
        await guest.stop(message["how"])
        return {}

    async def _regions(self, _message: Message) -> Message:
        return {
            "regions": [
                {
                    "name": as_text(region.name),
                    "pages": region.pages,
                    "mode": region.mode,
                    "group": region.group,
                    "clients": [{"index": client.index, "owner": client.owner} for client in region.connected()],
                }
                for region in self._host.registry
            ]
        }

    async def _shortages(self, _message: Message) -> Message:
        return {"shortages": shortages.noted()}

    async def _inject(self, message: Message) -> Message:
        self._service.defects.inject(str(message["fault"]))
        return {}

    async def _clear_faults(self, _message: Message) -> Message:
        self._service.defects.clear()
        return {}

    async def _shutdown(self, _message: Message) -> Message:
        self._service.ending.set()
        return {}
