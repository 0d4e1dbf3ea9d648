# SPDX-License-Identifier: Apache-2.0
"""A probe guest of stock QEMU alone, on the machine of the embedded benches' guests and without a host around it."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Sequence
from typing import IO, Final

from harness.arch import Arch
from harness.emulator.machine.board import board_of
from harness.emulator.machine.kernel import firmware
from harness.provision import probe_image, qemu
from harness.provision.process import bound_to_parent

_RAM_MEGABYTES: Final = 64


def machine(arch: Arch) -> tuple[str, ...]:
    """QEMU's arguments for the machine of the embedded benches' guests."""
    return board_of(arch, "q35").arguments


def start(
    arch: Arch,
    board: Sequence[str],
    devices: Sequence[str] = (),
    *,
    descriptors: Sequence[int] = (),
    words: int | IO[bytes] = subprocess.DEVNULL,
) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start QEMU with the probe; returns its process and this end of the guest's console.

    ``devices`` are further arguments, for which QEMU keeps the ``descriptors``. ``words`` is where its own output goes.
    The caller ends the process and closes the console.
    """
    command = qemu(arch).command()
    image = probe_image(arch)
    console, end = socket.socketpair()
    arguments = [
        *(*command.argv, *board, "-m", f"{_RAM_MEGABYTES}M"),
        *("-nodefaults", "-display", "none", "-no-reboot"),
        *("-chardev", f"socket,id=console,fd={end.fileno()}", "-serial", "chardev:console"),
        *devices,
        *firmware(arch, image),
        *("-kernel", str(image)),
    ]
    try:
        with end:
            process = subprocess.Popen(
                bound_to_parent(arguments),
                cwd=command.folder,
                env={**os.environ, **command.environment},
                pass_fds=(end.fileno(), *descriptors),
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except BaseException:
        console.close()
        raise
    return process, console
