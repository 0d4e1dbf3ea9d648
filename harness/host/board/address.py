# SPDX-License-Identifier: Apache-2.0
"""The network address of a host, asked for on its console until the network has given it one."""

from __future__ import annotations

import ipaddress
import re
import time
from typing import Final

from harness.errors import BenchError
from harness.host.board.console import BoardConsole
from harness.host.board.shell import BoardShell
from harness.host.errors import PermanentHostError

_COMMAND_SECONDS: Final = 30.0
_QUIET_SECONDS: Final = 0.5


def find_address(console: BoardConsole, shell: BoardShell, command: str, pattern: str, timeout: float) -> str:
    """The first address that ``command`` shows, an address outside 127/8 before one inside.

    A host may log in before its network is up: the command is repeated as long as it fails or shows no such address.
    Raises BenchError after ``timeout`` seconds with what it said last.
    """
    deadline = time.monotonic() + timeout
    while True:
        said, addresses = _ask(shell, command, pattern)
        outside = [address for address in addresses if not _is_loopback(address)]
        if outside:
            return outside[0]
        if time.monotonic() >= deadline:
            break
        # An address that comes has no event; meanwhile the console is listened to, so that it can be asked again.
        console.settle(_QUIET_SECONDS, max(0.0, deadline - time.monotonic()))
    if addresses:
        return addresses[0]
    raise BenchError(
        f"{console.name}: {command!r} shows no network address within {timeout:g} s:\n{said}",
        remedy="correct address_command, address_pattern or address_seconds in the target file",
    )


def _ask(shell: BoardShell, command: str, pattern: str) -> tuple[str, list[str]]:
    """What the command says, and the addresses in it; a command that fails shows none."""
    try:
        said = shell.run(command, _COMMAND_SECONDS)
    except PermanentHostError:
        raise
    except BenchError as error:
        return error.message, []
    return said, [match[1] for match in re.finditer(pattern, said)]


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:  # a pattern of the user's may find names
        return False
