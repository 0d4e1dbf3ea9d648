# SPDX-License-Identifier: Apache-2.0
"""What a guest costs without a harness: QEMU alone, from its start to the probe's first word."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from typing import Final

from harness.arch import Arch
from harness.console.buffer import ConsoleEndedError
from harness.emulator.machine.board import board_of
from harness.errors import BenchError
from harness.guest.socket_console import SocketConsole
from harness.measure.statistics import median
from harness.provision import probe_image, qemu
from harness.provision.process import bound_to_parent

_HELLO: Final = b"@H:"
_SECONDS: Final = 60.0
_RAM_MEGABYTES: Final = 64


def bare_start(arch: Arch, times: int = 5) -> float:
    """Processor seconds of a start, the median of several; of QEMU's process, so a busy machine changes little.

    The machine is that of the embedded benches' guests. Raises BenchError when the guest says nothing.
    """
    return median([_start(arch) for _ in range(times)])


def _start(arch: Arch) -> float:
    command = qemu(arch).command()
    console, end = socket.socketpair()
    with console:
        with end:
            process = subprocess.Popen(
                bound_to_parent(
                    [
                        *(*command.argv, *board_of(arch, "q35").arguments, "-m", f"{_RAM_MEGABYTES}M"),
                        *("-nodefaults", "-display", "none", "-no-reboot"),
                        *("-chardev", f"socket,id=console,fd={end.fileno()}", "-serial", "chardev:console"),
                        *("-kernel", str(probe_image(arch))),
                    ]
                ),
                cwd=command.folder,
                env={**os.environ, **command.environment},
                pass_fds=(end.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        try:
            _first_word(SocketConsole(console))
        finally:
            process.kill()
            # Not wait(): it does not tell what the process has used.
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime


def _first_word(console: SocketConsole) -> None:
    end = time.monotonic() + _SECONDS
    with contextlib.suppress(TimeoutError, ConsoleEndedError):
        while _HELLO not in console.said:
            console.read(end)
    if _HELLO not in console.said:
        raise BenchError("a guest of QEMU alone says nothing", remedy="see what harness doctor says")
