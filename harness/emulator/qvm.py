# SPDX-License-Identifier: Apache-2.0
"""``qvm``: run one guest on an emulated host, called as the QNX Hypervisor's ``qvm`` is.

    qvm @guest.qvmconf [OPTION...]

The configuration language and the command line are the same. The host is the one whose control socket QVM_HOST names;
without it, a host of this user's own is started and ends with its last guest. Exit statuses: 0 the guest ended in
order, 3 its power was cut, 64 it could not be started, 65 the configuration is wrong, 96 the virtual machine broke.
SIGTERM and SIGINT press the power button, SIGQUIT cuts the power, SIGUSR1 makes the devices print their state. SIGUSR2
asks for a guest dump, which this host does not write: qvm says so, and the guest goes on.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

import harness
from harness.emulator.service.protocol import HOST_VARIABLE, SOCKET_NAME, connect
from harness.process.command import guarded, in_utf8

_EXIT_NO_HOST: Final = 64
_EXIT_HOST_GONE: Final = 96
_START: Final = "import sys; sys.path.insert(0, {root!r}); from harness.emulator.qvm import main; sys.exit(main())"
_OWN_HOST_SECONDS: Final = 120.0
_SIGNALS: Final = {
    signal.SIGTERM: "power-button",
    signal.SIGINT: "power-button",
    signal.SIGQUIT: "power-cut",
}


def command() -> list[str]:
    """How a bench starts qvm, a thousand times in a qualification: without the packages that Python looks for.

    qvm and what it imports need none, and start in a third of the time. A host of its own it starts with them.
    """
    return [sys.executable, "-P", "-S", "-c", _START.format(root=str(Path(harness.__path__[0]).parent))]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a guest until it ends."""
    if argv is None:
        in_utf8()
    arguments = list(sys.argv[1:] if argv is None else argv)
    return guarded("qvm", lambda: _main(arguments), error_status=_EXIT_NO_HOST)


def _main(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if arguments else _EXIT_NO_HOST
    named = os.environ.get(HOST_VARIABLE)
    try:
        return _Qvm(_connect_to(Path(named))).run(arguments) if named else _run_on_own_host(arguments)
    except (OSError, MemoryError) as error:
        print(f"qvm: no host: {error or type(error).__name__}", file=sys.stderr)
        return _EXIT_NO_HOST


def _run_on_own_host(arguments: list[str]) -> int:
    """Use this user's host, or start it. One that is just ending is waited for, and then restarted."""
    from harness.account import make_private
    from harness.emulator.service.own_host import default_run_directory, start_host

    directory = default_run_directory()
    deadline = time.monotonic() + _OWN_HOST_SECONDS
    while True:
        try:
            make_private(directory)
            return _Qvm(_connect_to(directory / SOCKET_NAME)).run(arguments)
        except (FileNotFoundError, ConnectionRefusedError, ConnectionResetError, BrokenPipeError):
            if time.monotonic() > deadline:
                raise
        try:
            start_host(directory)
        except OSError:
            if time.monotonic() > deadline:
                raise


def _connect_to(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connect(connection, path)
    except OSError:
        connection.close()
        raise
    return connection


def _request(operation: str, **fields: object) -> bytes:
    """A request as it is sent. ``service.messages`` has the fields; importing it would take as long as all the rest."""
    return json.dumps({"op": operation, **fields}).encode() + b"\n"


class _Signals:
    """The signals that qvm has got, as something to wait for together with the host.

    A handler that runs between two looks at the host is not enough: Python's handlers run between its own steps, so one
    for a signal that comes just before qvm begins to wait would run when the wait is over.
    """

    def __enter__(self) -> Self:
        self._socket, self._written = socket.socketpair()
        for end in (self._socket, self._written):
            end.setblocking(False)
        self._before = signal.set_wakeup_fd(self._written.fileno())
        for number in (*_SIGNALS, signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, lambda _number, _frame: None)
        return self

    def __exit__(self, *_error: object) -> None:
        signal.set_wakeup_fd(self._before)
        self._socket.close()
        self._written.close()

    def fileno(self) -> int:
        """Readable when there is a signal."""
        return self._socket.fileno()

    def take(self) -> list[signal.Signals]:
        """Those that have come."""
        return [signal.Signals(number) for number in self._socket.recv(64)]


class _Qvm:
    def __init__(self, host: socket.socket) -> None:
        self._host = host
        self._input = bytearray()
        self._answered = False

    def run(self, arguments: list[str]) -> int:
        """Start the guest, pass signals on, return its exit status. Raises OSError when no host has taken the guest."""
        with _Signals() as signals:
            request = _request("start", arguments=arguments, directory=str(Path.cwd()))
            try:
                socket.send_fds(self._host, [request], [0, 1])
                while (line := self._next_line(signals)) is not None:
                    self._answered = True
                    status = self._handle(json.loads(line))
                    if status is not None:
                        return status
            except (ConnectionResetError, BrokenPipeError):
                if not self._answered:
                    raise
        if not self._answered:
            raise ConnectionResetError("the host ended before it answered")
        print("qvm: the host is gone", file=sys.stderr)
        return _EXIT_HOST_GONE

    def _next_line(self, signals: _Signals) -> bytes | None:
        """The next message of the host, None at its end; signals are passed on meanwhile."""
        sources: list[Any] = [self._host, signals]
        while b"\n" not in self._input:
            ready, _, _ = select.select(sources, [], [])
            if signals in ready:
                for number in signals.take():
                    self._pass_on(number)
            if self._host in ready:
                data = self._host.recv(1 << 16)
                if not data:
                    return None
                self._input += data
        line, _, rest = bytes(self._input).partition(b"\n")
        self._input = bytearray(rest)
        return line

    @staticmethod
    def _handle(message: dict[str, Any]) -> int | None:
        """Say what the host has to say; the exit status when it is the last word."""
        if not message["ok"]:
            print(f"qvm: {message['error']}", file=sys.stderr)
            return _EXIT_NO_HOST
        for note in message.get("notes", ()):
            print(note, file=sys.stderr, flush=True)
        if "exit" not in message:
            return None
        if message["message"]:
            print(message["message"], file=sys.stderr)
        return int(message["exit"])

    def _pass_on(self, number: signal.Signals) -> None:
        if number == signal.SIGUSR2:
            print("qvm: the emulated host writes no guest dumps", file=sys.stderr, flush=True)
            return
        how = _SIGNALS.get(number)
        request = _request("stop", how=how) if how else _request("report")
        # A host that takes nothing any more has said its last word, which is read next.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._host.sendall(request)


if __name__ == "__main__":
    sys.exit(main())
