# SPDX-License-Identifier: Apache-2.0
"""What a guest costs without a harness: QEMU alone, from its start to the probe's first word."""

from __future__ import annotations

import contextlib
import os
import time
from typing import Final

from harness.arch import Arch
from harness.bench import alone
from harness.console.buffer import ConsoleEndedError
from harness.errors import BenchError
from harness.guest.socket_console import SocketConsole
from harness.measure.statistics import median

_HELLO: Final = b"@H:"
_SECONDS: Final = 60.0


def bare_start(arch: Arch, times: int = 5) -> float:
    """Processor seconds of a start, the median of several; of QEMU's process, so a busy machine changes little.

    The machine is that of the embedded benches' guests. Raises BenchError when the guest says nothing.
    """
    return median([_start(arch) for _ in range(times)])


def _start(arch: Arch) -> float:
    process, console = alone.start(arch, alone.machine(arch))
    with console:
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
