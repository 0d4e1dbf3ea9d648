# SPDX-License-Identifier: Apache-2.0
"""A program of the emulated host as a client of regions, driven by lines as the one for QNX hosts is.

    python -m harness.emulator.hostclient

The lines are those of docs/host-client.md. The host is the one whose control socket QVM_HOST names. It ends with its
input, and the host takes back what it had.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from harness.emulator.service.client import HostClient, HostConnection
from harness.emulator.service.protocol import HOST_VARIABLE
from harness.errors import EXIT_PASS, BenchError, UsageError
from harness.process.command import guarded

_GREETING: Final = "@host-client 1"
_EBADF: Final = 9


def main() -> int:
    """Answer requests until the input ends."""
    return guarded("host client", _main)


def _main() -> int:
    named = os.environ.get(HOST_VARIABLE)
    if not named:
        raise UsageError(f"no host is named: {HOST_VARIABLE} is not set")
    with HostClient(Path(named)) as host:
        print(_GREETING, flush=True)
        client = _Client(host)
        for line in sys.stdin:
            print(client.answer(line.split()), flush=True)
    return EXIT_PASS


class _Client:
    """The connections of the program, by their numbers."""

    def __init__(self, host: HostClient) -> None:
        self._host = host
        self._connections: dict[int, HostConnection] = {}

    def answer(self, words: Sequence[str]) -> str:
        """What is said to a request."""
        try:
            return self._answer(*words)
        except BenchError as error:
            return f"error 0 {error.message}"
        except (TypeError, ValueError, IndexError):
            return "error 0 not understood"

    def _answer(self, verb: str, first: str, *words: str) -> str:
        if verb in ("create", "attach"):
            return self._connect(verb, bytes.fromhex(first).decode("utf-8", "surrogateescape"), words)
        connection = self._connections.get(int(first))
        if connection is None:
            return f"error {_EBADF} {verb}"
        if verb == "detach":
            del self._connections[int(first)]
            connection.detach()
            return "ok"
        return _on_connection(connection, verb, words)

    def _connect(self, verb: str, name: str, words: Sequence[str]) -> str:
        if verb == "attach" and name not in {region.name for region in self._host.regions()}:
            return "none"
        made = self._host.create(name, int(words[0])) if verb == "create" else self._host.attach(name)
        number = max(self._connections, default=-1) + 1
        self._connections[number] = made
        return f"ok {number} {made.index} {made.pages}"


def _on_connection(connection: HostConnection, verb: str, words: Sequence[str]) -> str:
    """Carry out a request about a connection. Raises ValueError for one that there is not."""
    match verb:
        case "read":
            return f"ok {connection.read(int(words[0]), int(words[1])).hex()}"
        case "write":
            connection.write(int(words[0]), bytes.fromhex(words[1]))
            return "ok"
        case "notify":
            connection.notify(int(words[0]))
            return "ok"
        case "status":
            return f"ok {connection.status()}"
        case "pulses":
            return f"ok {connection.wait_pulses(int(words[0]), int(words[1]) / 1000)}"
        case _:
            raise ValueError(verb)


if __name__ == "__main__":
    sys.exit(main())
