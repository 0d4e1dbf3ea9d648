# SPDX-License-Identifier: Apache-2.0
"""``qvm``: run one guest on an emulated host, called as the QNX Hypervisor's ``qvm`` is.

    qvm @guest.qvmconf [OPTION...]

The configuration language and the command line are the same. The host is the one whose control socket QVM_HOST names;
without it, a host of this user's own is started and ends with its last guest. Exit statuses: 0 the guest ended in
order, 3 its power was cut, 64 it could not be started, 65 the configuration is wrong, 96 the virtual machine broke.
SIGTERM and SIGINT press the power button, SIGQUIT cuts the power, SIGUSR1 makes the devices tell their state.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from harness.emulator.protocol import HOST_VARIABLE, SOCKET_NAME, default_run_directory

_EXIT_NO_HOST: Final = 64
_EXIT_HOST_GONE: Final = 96
_OWN_HOST_SECONDS: Final = 15.0
_SIGNALS: Final = {signal.SIGTERM: "power-button", signal.SIGINT: "power-button", signal.SIGQUIT: "power-cut"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a guest until it ends."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if arguments else _EXIT_NO_HOST
    named = os.environ.get(HOST_VARIABLE)
    try:
        return _Qvm(_connect_to(Path(named))).run(arguments) if named else _run_on_own_host(arguments)
    except OSError as error:
        print(f"qvm: no host: {error}", file=sys.stderr)
        return _EXIT_NO_HOST


def _run_on_own_host(arguments: list[str]) -> int:
    """Use this user's host, or start it. One that is just ending is waited for, and then started anew."""
    directory = default_run_directory()
    deadline = time.monotonic() + _OWN_HOST_SECONDS
    while True:
        try:
            return _Qvm(_connect_to(directory / SOCKET_NAME)).run(arguments)
        except (FileNotFoundError, ConnectionRefusedError, ConnectionResetError, BrokenPipeError):
            try:
                _start_host(directory)
            except OSError:
                if time.monotonic() > deadline:
                    raise


def _connect_to(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(str(path))
    except OSError:
        connection.close()
        raise
    return connection


def _start_host(directory: Path) -> None:
    from harness.emulator.client import wait_for_host
    from harness.errors import BenchError

    command = [sys.executable, "-m", "harness.emulator.daemon", "--run-dir", str(directory), "--linger"]
    host = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_for_host(directory / SOCKET_NAME, host)
    except BenchError as error:
        raise OSError(str(error)) from error


class _Qvm:
    def __init__(self, host: socket.socket) -> None:
        self._host = host
        self._stream = host.makefile("rb")
        self._answered = False

    def run(self, arguments: list[str]) -> int:
        """Start the guest, pass signals on, return its exit status."""
        for number in (*_SIGNALS, signal.SIGUSR1):
            signal.signal(number, self._signalled)
        request = {"op": "start", "arguments": arguments, "directory": str(Path.cwd())}
        socket.send_fds(self._host, [json.dumps(request).encode() + b"\n"], [0, 1])
        for line in self._stream:
            message: dict[str, Any] = json.loads(line)
            self._answered = True
            if not message["ok"]:
                print(f"qvm: {message['error']}", file=sys.stderr)
                return _EXIT_NO_HOST
            for note in message.get("notes", ()):
                print(note, file=sys.stderr, flush=True)
            if "exit" in message:
                if message["message"]:
                    print(message["message"], file=sys.stderr)
                return int(message["exit"])
        if not self._answered:
            raise ConnectionResetError("the host ended before it answered")
        print("qvm: the host is gone", file=sys.stderr)
        return _EXIT_HOST_GONE

    def _signalled(self, number: int, _frame: object) -> None:
        how = _SIGNALS.get(signal.Signals(number))
        request = {"op": "stop", "how": how} if how else {"op": "report"}
        self._host.sendall(json.dumps(request).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main())
