# SPDX-License-Identifier: Apache-2.0
"""Programs of the emulated host: start a host, look at it, be a client of its regions."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Final, Self, TypeVar

from harness.emulator.machine.board import ChipSet
from harness.emulator.service import messages, own_host
from harness.emulator.service.protocol import SOCKET_NAME, connect
from harness.errors import BenchError, OperationRefusedError
from harness.paths import plain_folder
from harness.structured import StructureError, structure, unstructure

T = TypeVar("T")

_ANSWER_TIMEOUT: Final = 60.0
_START_TIMEOUT: Final = 120.0
_STOP_TIMEOUT: Final = 60.0


_CHUNK: Final = 1 << 20
"""Bytes of data in one request or answer, well below the longest line."""


class HostRequestError(OperationRefusedError):
    """The host has answered a request for a region with a status of ``harness.shmem.status``."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class HostClient:
    """A connection to a host's control socket. Not for use from several threads at once.

    Every method raises OperationRefusedError when the host refuses, and BenchError when it does not answer in time or
    is gone.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_ANSWER_TIMEOUT)
        try:
            connect(self._socket, path)
        except OSError as error:
            self._socket.close()
            raise BenchError(
                f"no emulated host answers at {path}: {error.strerror}", remedy="start one, or unset QVM_HOST"
            ) from error
        self._stream = self._socket.makefile("rb")

    def call(self, request: messages.Request, kind: type[T]) -> T:
        """One request and its answer, a ``kind``. A ``timeout`` of the request is added to the usual time limit."""
        operation = request.op
        self._socket.settimeout(_ANSWER_TIMEOUT + getattr(request, "timeout", 0.0))
        try:
            self._socket.sendall(json.dumps({"op": operation, **unstructure(request)}).encode() + b"\n")
            line = self._stream.readline()
        except OSError as error:
            raise BenchError(f"the emulated host at {self._path} did not answer {operation!r}: {error}") from error
        if not line:
            raise BenchError(f"the emulated host at {self._path} ended during {operation!r}")
        answer: dict[str, Any] = json.loads(line)
        if not answer["ok"]:
            message = f"the emulated host refused {operation!r}: {answer['error']}"
            raise HostRequestError(message, answer["status"]) if "status" in answer else OperationRefusedError(message)
        try:
            made: T = structure(answer, kind, operation)
        except StructureError as error:
            raise BenchError(f"the emulated host at {self._path} gave a wrong answer: {error}") from error
        return made

    def guests(self) -> list[messages.RunningGuest]:
        """The running guests."""
        return self.call(messages.AskGuests(), messages.Guests).guests

    def wait_guest(self, system: str, timeout: float) -> messages.RunningGuest:
        """The guest as soon as it runs, at most ``timeout`` seconds from now."""
        return self.call(messages.WaitGuest(system, timeout), messages.RunningGuest)

    def wait_end(self, system: str, timeout: float) -> None:
        """Until no guest of that name runs and what it held is given back."""
        self.call(messages.WaitEnd(system, timeout), messages.Done)

    def stop_guest(self, system: str, how: messages.StopHow) -> None:
        """Press the guest's power button or cut its power; does not wait for its end."""
        self.call(messages.StopGuest(system, how), messages.Done)

    def regions(self) -> list[messages.RegionState]:
        """All regions."""
        return self.call(messages.AskRegions(), messages.Regions).regions

    def shortages(self) -> list[str]:
        """What the host ran out of since its start, a line each (``harness.emulator.shortages``)."""
        return self.call(messages.AskShortages(), messages.Shortages).shortages

    def create(self, name: str, pages: int) -> HostConnection:
        """Create the region or attach to it, as a host program does. Raises HostRequestError as a guest's would be."""
        return HostConnection(self, self.call(messages.Create(name, pages), messages.Connected))

    def attach(self, name: str) -> HostConnection:
        """Attach to a region that exists."""
        return HostConnection(self, self.call(messages.Attach(name), messages.Connected))

    def inject(self, fault: str) -> None:
        """Give the host's devices a named defect, from now on (see ``harness.emulator.faults.catalogue``)."""
        self.call(messages.Inject(fault), messages.Done)

    def clear_faults(self) -> None:
        """Take all defects away again."""
        self.call(messages.ClearFaults(), messages.Done)

    def shutdown(self) -> None:
        """Tell the host to end; does not wait for it."""
        self.call(messages.Shutdown(), messages.Done)

    def close(self) -> None:
        """Close the connection; what it had attached is detached."""
        self._stream.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


class HostConnection:
    """A host program's connection to a region. ``index`` is its client index, ``pages`` the region's size."""

    def __init__(self, host: HostClient, made: messages.Connected) -> None:
        self._host = host
        self._number = made.connection
        self.index = made.index
        self.pages = made.pages

    def read(self, offset: int, length: int) -> bytes:
        """``length`` bytes of data from ``offset``; the control page is not part of the data."""
        chunks = [(start, min(_CHUNK, length - start)) for start in range(0, length, _CHUNK)]
        requests = [messages.Read(self._number, offset + start, size) for start, size in chunks]
        return b"".join(self._host.call(request, messages.Data).data for request in requests)

    def write(self, offset: int, data: bytes) -> None:
        """Write ``data`` at ``offset``."""
        for start in range(0, len(data), _CHUNK):
            self._do(messages.Write(self._number, offset + start, data[start : start + _CHUNK]))

    def notify(self, mask: int) -> None:
        """Signal the clients that ``mask`` selects, as a guest's write to ``notify`` does."""
        self._do(messages.Notify(self._number, mask))

    def status(self) -> int:
        """The status word; reading it takes the signals."""
        return self._host.call(messages.TakeStatus(self._number), messages.StatusWord).status

    def wait_pulses(self, count: int, timeout: float) -> int:
        """How many pulses have come since this connection was made.

        A pulse comes for each change of the status word. Waits until there are ``count``, at most ``timeout`` seconds.
        """
        return self._host.call(messages.WaitPulses(self._number, count, timeout), messages.Pulses).pulses

    def detach(self) -> None:
        """Leave the region."""
        self._do(messages.Detach(self._number))

    def _do(self, request: messages.OfConnection) -> None:
        self._host.call(request, messages.Done)


class EmulatedHost:
    """A host process of one's own. It dies with this process, however that ends: it watches a pipe of ours."""

    program: ClassVar[str] = "harness.emulator.daemon"
    """The module that is run. A proof runs others, which change or watch the devices before they become this one."""

    def __init__(
        self,
        *,
        profile: str = "7.0",
        overrides: Mapping[str, str] | None = None,
        log: Path | None = None,
        chip_set: ChipSet = "q35",
        terminals: int = 0,
    ) -> None:
        self._profile = profile
        self._terminals = terminals
        self._chip_set = chip_set
        self._overrides = dict(overrides or {})
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline: int | None = None
        self.run_directory = Path()

    @property
    def pid(self) -> int:
        """Process identifier of the running host."""
        if self._process is None:
            raise BenchError("the emulated host is not running")
        return self._process.pid

    @property
    def socket(self) -> Path:
        """The control socket: the value of QVM_HOST for this host's qvm."""
        return self.run_directory / SOCKET_NAME

    @property
    def root(self) -> Path:
        """The directory that stands for the host's ``/``."""
        return self.run_directory / "root"

    def start(self) -> None:
        """Start the process and wait until it answers. Raises BenchError with what it said otherwise."""
        self.run_directory = plain_folder("shmem-host-")
        reading, self._lifeline = os.pipe()
        output = self._log.open("ab") if self._log else None
        try:
            self._process = subprocess.Popen(
                [*self._command(), "--lifeline", str(reading)],
                pass_fds=[reading],
                stdin=subprocess.DEVNULL,
                stdout=output or subprocess.DEVNULL,
                stderr=output or subprocess.DEVNULL,
                start_new_session=True,
            )
        finally:
            os.close(reading)
            if output:
                output.close()
        try:
            wait_for_host(self.socket, self._process, self._log)
        except BaseException:
            self.stop()
            raise

    def _command(self) -> list[str]:
        command = [sys.executable, "-m", self.program, "--run-dir", str(self.run_directory)]
        command += ["--profile", self._profile, "--chip-set", self._chip_set, "--terminals", str(self._terminals)]
        for field, reading in self._overrides.items():
            command += ["--set", f"{field}={reading}"]
        return command

    def client(self) -> HostClient:
        """A new connection to the host."""
        return HostClient(self.socket)

    def stop(self) -> None:
        """End the host and all its guests; harmless when it is not running."""
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        if self._process is not None:
            try:
                self._process.wait(_STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                # Its guests die with it; what it leaves is removed below.
                self._process.kill()
                self._process.wait()
            self._process = None
        shutil.rmtree(self.run_directory, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()


def wait_for_host(path: Path, process: subprocess.Popen[bytes], log: Path | None = None) -> None:
    """Until the control socket takes connections. Raises BenchError when the process ends or is too late."""
    try:
        own_host.wait_for_host(path, process, _START_TIMEOUT).close()
    except (ChildProcessError, TimeoutError) as error:
        said = log.read_text(errors="replace")[-2000:] if log and log.exists() else ""
        raise BenchError(f"{error}; it says:\n{said}") from None
    except OSError as error:
        raise BenchError(f"the emulated host at {path} cannot be used: {error.strerror}") from error
