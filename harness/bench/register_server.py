# SPDX-License-Identifier: Apache-2.0
"""A vfio-user device that does as little as one can (``register_server.c``), for a guest of stock QEMU.

Its factory page reads like that of a ``vdev shmem`` that nobody has used. What a read of it costs is what QEMU, the
kernel and the protocol cost; the rest of the cost of the emulated device is its own.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import struct
import subprocess
from pathlib import Path
from typing import Final, Self

from harness.narrow import present
from harness.paths import plain_folder
from harness.provision import register_server
from harness.provision.process import bound_to_parent
from harness.shmem.registers import PAGE_SIZE, PCI_DEVICE, PCI_VENDOR, SIGNATURE

_SOCKET: Final = "socket"
_CONFIGURATION: Final = struct.Struct("<HH6xH").pack(PCI_VENDOR, PCI_DEVICE, 0x0580).ljust(256, b"\0")
"""Identifiers and class code; BAR 0 is one of 32 bits."""
_FACTORY_PAGE: Final = struct.pack("<Q", SIGNATURE).ljust(PAGE_SIZE, b"\0")


class RegisterServer:
    """The server of one device, while the context lasts; it ends with its QEMU, too."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._folder = Path()

    @property
    def argument(self) -> str:
        """What QEMU's ``-device`` takes for the device."""
        # Only a name in the file system will do: QEMU 11 ignores "abstract" here (observed).
        return json.dumps({"driver": "vfio-user-pci", "socket": {"type": "unix", "path": str(self._folder / _SOCKET)}})

    def __enter__(self) -> Self:
        self._folder = plain_folder("shmem-registers-")
        self._stack.callback(self.connected)
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def connected(self) -> None:
        """QEMU has connected: the socket's name is not needed any more, and nothing of it has to be left."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
            listening.bind(str(self._folder / _SOCKET))
            listening.listen()
            server = subprocess.Popen(
                bound_to_parent([str(register_server()), str(listening.fileno())]),
                stdin=subprocess.PIPE,
                pass_fds=(listening.fileno(),),
                start_new_session=True,
            )
        self._stack.callback(server.wait)
        self._stack.callback(server.kill)
        # A server that has ended already accepts no connection, which QEMU says.
        with contextlib.suppress(BrokenPipeError), present(server.stdin) as words:
            words.write(_CONFIGURATION + _FACTORY_PAGE)

    def __exit__(self, *_: object) -> None:
        self._stack.close()
