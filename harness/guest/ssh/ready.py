# SPDX-License-Identifier: Apache-2.0
"""Waits until an SSH server answers, without a penalty for having asked too early.

Behind a forwarding machine (QEMU's user network is one) a connection is taken before the guest has started, and the
forwarder offers it to the guest again only after seconds. So a new connection is tried every now and then while the
last few are still listened to; whichever is greeted first decides.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import time
from collections.abc import Callable
from typing import Final

from harness.host.ssh import SshAddress, SshUnreachableError
from harness.narrow import instance

_EVERY_SECONDS: Final = 0.5
_LISTENED_TO: Final = 6
"""A server that works answers within this many times `_EVERY_SECONDS`; older connections are given up."""

_GREETING: Final = b"SSH-"
_GREETING_BYTES: Final = 255  # RFC 4253, section 4.2


def wait_for_server(address: SshAddress, name: str, timeout: float, meanwhile: Callable[[], None]) -> None:
    """Return when the server has greeted. Raises SshUnreachableError with the last reason after ``timeout`` seconds.

    ``meanwhile`` is called between two tries; what it raises ends the wait.
    """
    deadline = time.monotonic() + timeout
    with contextlib.ExitStack() as all_tries, selectors.DefaultSelector() as selector:
        tries: list[socket.socket] = []
        reason = "no SSH banner was received"
        while (now := time.monotonic()) < deadline:
            meanwhile()
            tries.append(all_tries.enter_context(_begin(address)))
            selector.register(tries[-1], selectors.EVENT_READ)
            if len(tries) > _LISTENED_TO:
                _give_up(selector, tries.pop(0))
            next_try = min(deadline, now + _EVERY_SECONDS)
            while (left := next_try - time.monotonic()) > 0:
                for key, _ in selector.select(left):
                    trial = instance(socket.socket, key.fileobj)
                    said = _greeting(trial)
                    if said.startswith(_GREETING.decode()):
                        return
                    reason = said
                    tries.remove(trial)
                    _give_up(selector, trial)
    raise SshUnreachableError(f"{name} ({address}) has no SSH server that answers: {reason}; tried for {timeout:g} s")


def _begin(address: SshAddress) -> socket.socket:
    """A connection that is being opened. Addresses are numbers here, or names that resolve at once."""
    trial = socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET)
    trial.setblocking(False)
    trial.connect_ex((address.host, address.port))
    return trial


def _give_up(selector: selectors.BaseSelector, trial: socket.socket) -> None:
    selector.unregister(trial)
    trial.close()


def _greeting(trial: socket.socket) -> str:
    """What a connection that has become readable says, or why it says nothing."""
    if error := trial.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        return os.strerror(error)
    try:
        said = trial.recv(_GREETING_BYTES)
    except OSError as error:
        return str(error)
    return said.decode("ascii", "backslashreplace") or "the connection was closed at once"
