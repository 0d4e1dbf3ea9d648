# SPDX-License-Identifier: Apache-2.0
"""One QEMU process: started as a child of its host, watched through QMP.

That it does not outlive the host is the doing of the library inside it (``window.c``).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qemu.qmp import EventListener, QMPClient, QMPError

from harness.emulator import shortages
from harness.emulator.machine.qtest import Qtest
from harness.narrow import present

_STDERR_KEPT = 8192
_EXIT_TIMEOUT = 2.0
_QMP_TIMEOUT = 120.0
"""Seconds. QEMU answers after some 40 ms; the rest is for a machine that is busy with other things."""


@dataclass(frozen=True)
class Ending:
    """How a QEMU process ended: QMP's reason for the shutdown (empty when there was none) and its last messages.

    ``killed``: this host has ended it, and it had not ended by itself before.
    """

    reason: str
    returncode: int
    words: str
    killed: bool = False


class QemuDied(Exception):
    """QEMU ended before it answered; the text has its last messages."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.words or "QEMU did not answer")
        self.ending = ending


class Qemu:
    """A running QEMU."""

    def __init__(self, process: asyncio.subprocess.Process, qmp: QMPClient, qtest: Qtest) -> None:
        self.qtest = qtest
        self._process = process
        self._qmp = qmp
        self._cut = False
        self._words = bytearray()
        self._reason = ""
        self._end: asyncio.Task[Ending] | None = None
        self._events = EventListener(("SHUTDOWN",))
        self._reader = asyncio.create_task(self._read_words())
        self._watcher = asyncio.create_task(self._watch())

    @property
    def pid(self) -> int | None:
        """Process identifier of QEMU; None when it has ended, as another process may have the number then."""
        return self._process.pid if self._process.returncode is None else None

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        inherit: Sequence[int],
        stdin: int,
        stdout: int,
        inherited: Callable[[int], None],
    ) -> Qemu:
        """Start QEMU in ``folder`` and agree on QMP; ``inherited`` gets its number early.

        Raises QemuDied with what QEMU said when it ends instead.
        """
        qmp_socket, qmp_end = socket.socketpair()
        qtest_socket, qtest_end = socket.socketpair()
        with qmp_socket, qmp_end, qtest_end:
            channels = ["-chardev", f"socket,id=qmp,fd={qmp_end.fileno()}", "-qmp", "chardev:qmp"]
            channels += ["-chardev", f"socket,id=qtest,fd={qtest_end.fileno()}", "-qtest", "chardev:qtest"]
            process = await asyncio.create_subprocess_exec(
                *command,
                *channels,
                "-qtest-log",
                "none",
                env={**os.environ, **environment},
                cwd=folder,
                pass_fds=(*inherit, qmp_end.fileno(), qtest_end.fileno()),
                stdin=stdin,
                stdout=stdout,
                stderr=asyncio.subprocess.PIPE,
                # A Ctrl-C is for qvm, which decides what it means for the guest.
                start_new_session=True,
            )
            qmp_end.close()
            qtest_end.close()
            inherited(process.pid)
            qmp = QMPClient("qemu")
            qemu = cls(process, qmp, Qtest(qtest_socket))
            qmp.register_listener(qemu._events)
            try:
                async with asyncio.timeout(_QMP_TIMEOUT):
                    await qmp.connect(qmp_socket.dup())
                    await qemu.qtest.open()
            except (QMPError, OSError, EOFError, TimeoutError, AssertionError) as error:
                # The QMP library asserts that a session which it has just opened is alive.
                raise QemuDied(await qemu._end_soon()) from error
            except BaseException:
                await qemu.kill()
                raise
        return qemu

    async def _read_words(self) -> None:
        stderr = present(self._process.stderr)
        line = b""
        while data := await stderr.read(4096):
            self._words += data
            whole, _, line = (line + data).rpartition(b"\n")
            shortages.note_words(whole.decode(errors="replace"), "QEMU")
            del self._words[:-_STDERR_KEPT]
        shortages.note_words(line.decode(errors="replace"), "QEMU")

    async def _watch(self) -> None:
        async for event in self._events:
            data = event["data"]
            self._reason = str(data["reason"]) if isinstance(data, dict) else ""

    async def execute(self, command: str, arguments: dict[str, object] | None = None) -> object:
        """Send a QMP command. Never from inside a device's request: QEMU waits for the device and cannot answer."""
        return await self._qmp.execute(command, arguments)

    async def wait(self) -> Ending:
        """Until the process has ended; several may wait."""
        if self._end is None:
            self._end = asyncio.create_task(self._finish())
        return await asyncio.shield(self._end)

    async def _finish(self) -> Ending:
        returncode = await self._process.wait()
        await self._reader
        killed = self._cut and returncode == -signal.SIGKILL
        if not killed:
            shortages.note_signal(-returncode, "QEMU")
        with contextlib.suppress(QMPError, EOFError, OSError):
            await self._qmp.disconnect()
        self._watcher.cancel()
        self.qtest.close()
        return Ending(self._reason, returncode, self._words.decode(errors="replace").strip(), killed)

    async def _end_soon(self) -> Ending:
        """The end of a QEMU that has closed its channel; its own exit status, if it is not too slow."""
        try:
            async with asyncio.timeout(_EXIT_TIMEOUT):
                return await self.wait()
        except TimeoutError:
            return await self.kill()

    def cut(self) -> None:
        """End the process now, regardless of its guest, without waiting for its end."""
        self._cut = True
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def kill(self) -> Ending:
        """End the process now, regardless of its guest."""
        self.cut()
        return await self.wait()
