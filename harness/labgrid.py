# SPDX-License-Identifier: Apache-2.0
"""Registers all of the harness's labgrid classes. An environment file names this module under ``imports``.

labgrid's class names are global, and registering one twice is an error: hence one module that imports each once, and
the prefix ``Shmem``.
"""

from __future__ import annotations

from harness.guest.console import ShmemConsoleDriver
from harness.guest.ssh.driver import ShmemSSHDriver
from harness.host.board.strategy import ShmemBoardStrategy
from harness.host.emulated import ShmemEmulatedHostDriver
from harness.host.qnx.driver import ShmemQnxHostDriver
from harness.host.strategy import ShmemBenchStrategy
from harness.loopback.resource import ShmemLoopbackBoard

__all__ = [
    "ShmemBenchStrategy",
    "ShmemBoardStrategy",
    "ShmemConsoleDriver",
    "ShmemEmulatedHostDriver",
    "ShmemLoopbackBoard",
    "ShmemQnxHostDriver",
    "ShmemSSHDriver",
]
