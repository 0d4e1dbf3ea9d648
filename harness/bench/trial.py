# SPDX-License-Identifier: Apache-2.0
"""Linux guests on an emulated host of their own, outside of any bench: to try something, or to measure the boot."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from harness.bench.embedded import BOOT_SECONDS, EmbeddedBench
from harness.bench.guests import StartedGuest, Wanted
from harness.bench.linux import LinuxSide
from harness.guest.linux import LinuxConsole
from harness.guest.linux_keys import BenchKeys
from harness.guest.ssh.driver import ShmemSSHDriver
from harness.guest.target import GuestTarget
from harness.host.emulated import EmulatedHypervisor
from harness.host.protocol import HostGuest
from harness.narrow import present
from harness.provision.linux.image import LinuxImage

__all__ = ["BOOT_SECONDS", "Trial", "TrialGuest", "trial"]


@dataclass(frozen=True)
class TrialGuest:
    """A Linux guest with an open console; neither the console nor the SSH server has answered yet.

    Before ``ssh`` is used, its target activates it.
    """

    image: LinuxImage
    guest: StartedGuest
    linux: LinuxSide
    keys: BenchKeys
    port: int

    @property
    def name(self) -> str:
        """The guest's name."""
        return self.guest.system

    @property
    def qvm(self) -> HostGuest:
        """Its process on the host."""
        return self.guest.qvm

    @property
    def started(self) -> float:
        """When it was started (``time.monotonic()``)."""
        return self.guest.started

    @property
    def target(self) -> GuestTarget:
        """The guest as a target of labgrid."""
        return self.guest.target

    @property
    def console(self) -> LinuxConsole:
        """The serial line: the shell, and the probe."""
        return self.linux.console

    @property
    def ssh(self) -> ShmemSSHDriver:
        """Commands and files over SSH."""
        return self.linux.driver


class Trial:
    """A host, and Linux guests on it; all of it is gone when the context ends. ``folder`` gets what they say."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._bench = EmbeddedBench(folder)
        self._count = 0

    @property
    def host(self) -> EmulatedHypervisor:
        """The host that the guests run on."""
        return self._bench.host

    def __enter__(self) -> Self:
        self._bench.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._bench.__exit__(*error)

    def start(self, image: LinuxImage, name: str, shmem: str = "") -> TrialGuest:
        """Start a guest with these lines of ``vdev shmem``; it has a console from the beginning.

        Raises BenchError, also for an image that is too large for the guest of the template.
        """
        number, self._count = self._count, self._count + 1
        wanted = Wanted(number, "linux", shmem, self.folder, name, linux=image)
        guest = self._bench.start(image.arch, wanted)
        guest.open_console()
        linux = present(guest.linux)
        linux.driver.connect_seconds = BOOT_SECONDS
        kit = self._bench.kit
        return TrialGuest(image, guest, linux, kit.keys, kit.port(number))


@contextmanager
def trial(folder: Path | None = None) -> Iterator[Trial]:
    """A host for guests; without a folder, what it writes goes away with it."""
    with contextlib.ExitStack() as stack:
        workdir = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shmem-trial-")))
        yield stack.enter_context(Trial(workdir))
