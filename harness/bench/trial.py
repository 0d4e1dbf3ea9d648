# SPDX-License-Identifier: Apache-2.0
"""Linux guests on an emulated host of their own, outside of any bench: to try something, or to measure the boot."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from labgrid.factory import target_factory
from labgrid.resource import NetworkService

from harness.emulator.service.client import EmulatedHost
from harness.guest.linux import LinuxConsole
from harness.guest.linux_keys import BenchKeys
from harness.guest.short_lived import ShortLivedFolder
from harness.guest.ssh import ShmemSSHDriver
from harness.guest.ssh_port import KeptPort
from harness.guest.target import GuestTarget
from harness.host.emulated import EmulatedGuest
from harness.narrow import instance
from harness.provision.linux_image import LinuxImage
from harness.shmem.config import parse
from harness.shmem.config.template import Text, fill

BOOT_SECONDS: Final = 60.0
_TEMPLATES: Final = Path(__file__).resolve().parents[2] / "targets"
_LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True)
class TrialGuest:
    """A guest that was started ``started`` (``time.monotonic()``); neither console nor SSH server has answered yet.

    Before ``ssh`` is used, its target activates it.
    """

    name: str
    image: LinuxImage
    qvm: EmulatedGuest
    target: GuestTarget
    console: LinuxConsole
    ssh: ShmemSSHDriver
    keys: BenchKeys
    port: int
    started: float


class Trial:
    """A host, and guests on it; all of it is gone when the context ends. ``folder`` keeps logs and configurations."""

    def __init__(self, folder: Path, *, profile: str = "7.0") -> None:
        self.folder = folder
        self.host = EmulatedHost(profile=profile, log=folder / "host.log")
        self._stack = contextlib.ExitStack()
        self._scratch = Path()
        self._count = 0

    def __enter__(self) -> Trial:
        self._scratch = self._stack.enter_context(contextlib.closing(ShortLivedFolder("shmem-linux-"))).path
        try:
            self.host.start()
            self._stack.callback(self.host.stop)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self, image: LinuxImage, name: str, shmem: str = "") -> TrialGuest:
        """Start a guest with these lines of ``vdev shmem``; it has a console from the beginning.

        Raises BenchError, and HarnessError for an image that is too large for the guest of the template.
        """
        keys = BenchKeys.create(self._scratch / name)
        port = self._stack.enter_context(contextlib.closing(KeptPort())).number
        configuration = self.folder / f"{name}.qvmconf"
        line, self._count = f"p{self._count}", self._count + 1
        variables = {"system": name, "console": f"/dev/pty{line}", "port": port, "shmem": Text(shmem)}
        text = _configuration(image, keys, self._scratch / f"{name}.initrd", variables)
        image.check_memory(sum(ram.length for ram in parse(text).rams))
        configuration.write_text(text)
        client = self._stack.enter_context(contextlib.closing(self.host.client()))
        started = time.monotonic()
        qvm = EmulatedGuest(name, str(configuration), self.host.root / f"dev/tty{line}", self.host, client)
        self._stack.callback(qvm.kill)
        target = GuestTarget(name, qvm.wait_console(BOOT_SECONDS), self.folder / f"{name}.log")
        self._stack.callback(target.close)
        ssh = _ssh(target, keys, port)
        return TrialGuest(name, image, qvm, target, LinuxConsole(target), ssh, keys, port, started)


def _configuration(image: LinuxImage, keys: BenchKeys, initrd: Path, variables: Mapping[str, object]) -> str:
    """The text that qvm gets, from the template of the embedded bench. Writes the root file system to ``initrd``."""
    files = {"image": image.kernel, "initrd": keys.initrd(image.initrd, initrd), "cmdline": image.cmdline}
    return fill(_TEMPLATES / f"qemu-{image.arch}", "linux", {**files, **variables})


def _ssh(target: GuestTarget, keys: BenchKeys, port: int) -> ShmemSSHDriver:
    NetworkService(target.target, None, _LOOPBACK, "root", port=port)
    arguments: dict[str, Any] = {
        "keyfile": str(keys.keyfile),
        "known_hosts": str(keys.known_hosts(_LOOPBACK, port)),
        "connect_seconds": BOOT_SECONDS,
    }
    driver = target_factory.make_driver(target.target, ShmemSSHDriver.__name__, None, arguments)
    return instance(ShmemSSHDriver, driver)


@contextmanager
def trial(folder: Path | None = None) -> Iterator[Trial]:
    """A host for guests; without a folder, what it writes goes away with it."""
    with contextlib.ExitStack() as stack:
        place = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shmem-trial-")))
        yield stack.enter_context(Trial(place))
