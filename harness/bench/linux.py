# SPDX-License-Identifier: Apache-2.0
"""Linux guests: their images, and what is done in them apart from using the probe."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from labgrid.factory import target_factory
from labgrid.resource import NetworkService

from harness.arch import Arch
from harness.bench.settings import BenchConfig
from harness.errors import BenchError, HarnessError
from harness.guest.linux import LinuxConsole
from harness.guest.linux_keys import BenchKeys
from harness.guest.probe_link import Transport
from harness.guest.short_lived import ShortLivedFolder
from harness.guest.ssh.channel import SshTransport
from harness.guest.ssh.driver import ShmemSSHDriver
from harness.guest.ssh.port import KeptPort
from harness.guest.target import GuestTarget
from harness.host.protocol import GuestEndedError, HostGuest, ShmemHostProtocol
from harness.host.ssh import SshUnreachableError
from harness.narrow import instance
from harness.provision.linux.image import LinuxImage, linux_image
from harness.shmem.config import parse

_LOOPBACK: Final = "127.0.0.1"
_SSH_PORT: Final = 22
_NETWORK_BITS: Final = 24
_USER: Final = "root"
_LEAST_SECONDS: Final = 1.0


class LinuxKit:
    """What the Linux guests of a run have in common: keys made for this run alone, and a port of this machine each."""

    def __init__(self) -> None:
        self._made: ShortLivedFolder | None = None
        self._initrds: dict[tuple[Arch, Path], Path] = {}
        self._ports: dict[int, KeptPort] = {}

    def close(self) -> None:
        """Throw the keys away, and let the ports go."""
        for port in self._ports.values():
            port.close()
        if self._made:
            self._made.close()

    @cached_property
    def keys(self) -> BenchKeys:
        """The keys of the run."""
        return BenchKeys.create(self._folder / "keys")

    @property
    def _folder(self) -> Path:
        """Made with the first Linux guest: most runs have none."""
        self._made = self._made or ShortLivedFolder("shmem-linux-")
        return self._made.path

    def variables(
        self, bench: BenchConfig, host: ShmemHostProtocol, number: int, image: LinuxImage | None = None
    ) -> dict[str, object]:
        """The variables of the template for guest ``number``, whose files are on the host then. Raises BenchError.

        It boots ``image``, or that of the bench's recipe.
        """
        image = image or _image(bench)
        return {
            "image": host.put(image.kernel),
            "initrd": host.put(self._initrd(bench.architecture, image)),
            "cmdline": " ".join([image.cmdline, *_own_address(bench, number)]),
            "port": "" if bench.linux.addresses else self.port(number),
        }

    def address(self, bench: BenchConfig, number: int) -> tuple[str, int]:
        """Where the SSH server of guest ``number`` is reached. Raises BenchError when the bench does not know."""
        addresses = bench.linux.addresses
        if not addresses:
            return _LOOPBACK, self.port(number)
        if number >= len(addresses):
            raise BenchError(
                f"bench {bench.name} has no address for its Linux guest number {number} (linux: addresses)"
            )
        return addresses[number].partition("/")[0], _SSH_PORT

    def port(self, number: int) -> int:
        """The port of this machine that is forwarded to guest ``number``."""
        if number not in self._ports:
            self._ports[number] = KeptPort()
        return self._ports[number].number

    def _initrd(self, arch: Arch, image: LinuxImage) -> Path:
        """The image's root file system with the keys of the run, the same for all guests."""
        key = (arch, image.initrd)
        if key not in self._initrds:
            name = f"linux-initrd-{arch}-{len(self._initrds)}"
            self._initrds[key] = self.keys.initrd(image.initrd, self._folder / name)
        return self._initrds[key]


def _own_address(bench: BenchConfig, number: int) -> list[str]:
    """The word of the kernel's command line by which a guest gets its address; ``init`` of the image reads it."""
    if number >= len(bench.linux.addresses):
        return []
    address, _, bits = bench.linux.addresses[number].partition("/")
    return [f"guest_address={address}/{bits or _NETWORK_BITS}"]


def check_memory(bench: BenchConfig, text: str, image: LinuxImage | None = None) -> None:
    """Raise BenchError when the guest that a configuration describes has not enough RAM for the image."""
    try:
        (image or _image(bench)).check_memory(sum(ram.length for ram in parse(text).rams))
    except HarnessError as error:
        raise BenchError(f"bench {bench.name}: {error.message}", remedy=error.remedy) from error


def _image(bench: BenchConfig) -> LinuxImage:
    try:
        return linux_image(bench.architecture, bench.linux.recipe)
    except HarnessError as error:
        raise BenchError(f"the Linux guest's image cannot be made: {error.message}", remedy=error.remedy) from error


@dataclass(frozen=True)
class Said:
    """What a command wrote, line by line (errors included), and its exit status."""

    lines: list[str]
    status: int

    @property
    def text(self) -> str:
        """All lines as one text."""
        return "\n".join(self.lines)


class LinuxSide:
    """The operating system in a guest, reached by the test's way: commands, files, and the probe's service.

    ``console`` is its serial line, ``driver`` that for SSH, which connects when its target activates it (``ssh``).
    """

    def __init__(
        self, target: GuestTarget, qvm: HostGuest, via: str, keys: BenchKeys, address: tuple[str, int]
    ) -> None:
        self._target = target
        self._qvm = qvm
        self._via = via
        self.console = LinuxConsole(target)
        self.driver = _ssh_driver(target, keys, *address)
        self._channel: SshTransport | None = None

    def connect(self, deadline: float, log: Path) -> Transport:
        """The probe, as soon as the guest is up; what goes over SSH is written to ``log``.

        Raises BenchError at ``deadline`` (``time.monotonic()``), or before when the guest refuses or ends.
        """
        left = max(_LEAST_SECONDS, deadline - time.monotonic())
        if self._via == "serial":
            self.console.log_in(left)
            return self.console.transport()
        self.driver.connect_seconds = left
        self.driver.meanwhile = self._must_run
        try:
            ssh = self.ssh()
        except SshUnreachableError as error:
            lines = self._target.console.buffer.last_lines()
            raise SshUnreachableError(f"{error.message}; last lines of its console:\n{lines}") from error
        self._channel = ssh.transport("probe", log, f"{self._target.name} over SSH")
        return self._channel

    def _must_run(self) -> None:
        """A guest that has ended will not answer any more. Raises GuestEndedError."""
        status = self._qvm.exit_status()
        if status is not None:
            raise GuestEndedError(self._qvm.system, status, self._qvm.messages())

    def close(self) -> None:
        """End the channel to the probe. May be called again."""
        if self._channel:
            self._channel.close()

    def run(self, command: str, timeout: float = 30.0) -> Said:
        """Run shell text by the test's way. Raises BenchError when it does not end in time."""
        if self._via == "serial":
            lines, status = self.console.run(command, timeout)
            return Said(lines, status)
        output, errors, status = self.ssh().run(command, timeout=timeout)
        return Said([*output, *errors], status)

    def ssh(self) -> ShmemSSHDriver:
        """The driver for commands and files over SSH, connected; a test on the console may use it for files."""
        self._target.target.activate(self.driver)
        return self.driver


def _ssh_driver(target: GuestTarget, keys: BenchKeys, address: str, port: int) -> ShmemSSHDriver:
    NetworkService(target.target, None, address, _USER, port=port)
    arguments = {"keyfile": str(keys.keyfile), "known_hosts": str(keys.known_hosts(address, port))}
    driver = target_factory.make_driver(target.target, ShmemSSHDriver.__name__, None, arguments)
    return instance(ShmemSSHDriver, driver)
