# SPDX-License-Identifier: Apache-2.0
"""One guest of the emulated host: from its configuration to a running QEMU and its exit status.

Exit statuses: QNX Hypervisor 8.0 User's Guide, "qvm process exit codes".
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from harness import provision
from harness.emulator.console import STANDARD_STREAMS, OpenConsole, open_console
from harness.emulator.device.device import SharedMemoryDevice
from harness.emulator.device.function import ShmemFunction
from harness.emulator.machine import plan
from harness.emulator.qemu import Qemu, QemuDied
from harness.emulator.regions import Refused, Registry
from harness.emulator.vfio_user.server import Listener
from harness.emulator.window import Mapper, Window
from harness.shmem.config import ConfigError, ShmemVdev, VmConfig
from harness.shmem.profile import Profile

EXIT_NORMAL: Final = 0
EXIT_POWER_CUT: Final = 3
EXIT_BEFORE_START: Final = 64
EXIT_CONFIGURATION: Final = 65
EXIT_AFTER_START: Final = 96

_GUEST_ENDED: Final = {"guest-shutdown", "guest-reset"}
"""QMP's reasons that mean an orderly end: the guest asked for it. A reboot ends qvm too, on QNX as here."""

StopHow = Literal["power-button", "power-cut"]


@dataclass(frozen=True)
class Exit:
    """What qvm exits with, and what it says."""

    status: int
    message: str = ""


@dataclass
class _Part:
    """A ``vdev shmem`` of a guest with everything that it holds."""

    device: SharedMemoryDevice
    window: Window
    listener: Listener
    socket: Path

    def close(self) -> None:
        self.device.reset()
        self.listener.close()
        self.socket.unlink(missing_ok=True)
        self.window.close()


@dataclass
class Streams:
    """Descriptors of the qvm process that the guest may use for ``hostdev >-``."""

    stdin: int
    stdout: int


@dataclass
class Guest:
    """A guest, from before its start until after its end. ``directory`` is where relative paths start."""

    config: VmConfig
    directory: Path
    root: Path
    run_directory: Path
    registry: Registry
    profile: Profile
    streams: Streams
    notes: tuple[str, ...] = ()
    _parts: list[_Part] = field(default_factory=list)
    _consoles: list[OpenConsole] = field(default_factory=list)
    _mapper: Mapper = field(default_factory=Mapper)
    _qemu: Qemu | None = None
    _power: StopHow | None = None
    _node_made: bool = False

    @property
    def name(self) -> str:
        """What ``system`` calls it."""
        return self.config.system or ""

    @property
    def node(self) -> Path:
        """The directory that exists exactly while the VM lives (``/dev/qvm/SYSTEM`` of the host)."""
        return self.root / "dev" / "qvm" / self.name

    @property
    def console_paths(self) -> list[str]:
        """User sides of the consoles, as paths of this machine."""
        return [str(console.link) for console in self._consoles if console.link]

    async def start(self) -> Exit | None:
        """Start the VM. None when it runs; otherwise what qvm must exit with, everything given back."""
        try:
            await self._start()
        except ConfigError as error:
            self.close()
            return Exit(EXIT_CONFIGURATION, error.qvm_message())
        except QemuDied as error:
            self.close()
            return Exit(EXIT_BEFORE_START, f"the virtual machine did not start; QEMU says:\n{error}")
        except BaseException:
            self.close()
            raise
        return None

    async def _start(self) -> None:
        planned = plan(self.config, self.directory)
        self.notes = planned.notes
        arguments = [*planned.arguments, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
        for number, console in enumerate(planned.consoles):
            self._consoles.append(open_console(console, number, self.root))
            arguments += self._consoles[-1].arguments
        for number, vdev in enumerate(self.config.shmem_vdevs()):
            arguments += self._add_device(vdev, number)
        self._create_node()
        command, environment = provision.qemu(planned.arch).command(preload=provision.window_library())
        self._qemu = await Qemu.start(
            [*command, *arguments],
            environment={**environment, **self._mapper.environment()},
            inherit=[self._mapper.child.fileno(), *(fd for console in self._consoles for fd in console.inherit)],
            stdin=self.streams.stdin if self._uses_streams(planned.consoles) else asyncio.subprocess.DEVNULL,
            stdout=self.streams.stdout if self._uses_streams(planned.consoles) else asyncio.subprocess.DEVNULL,
        )
        self._mapper.started()

    @staticmethod
    def _uses_streams(consoles: tuple[object, ...]) -> bool:
        return any(getattr(console, "hostdev", "") == STANDARD_STREAMS for console in consoles)

    def _add_device(self, vdev: ShmemVdev, number: int) -> list[str]:
        """Make the device and the socket on which QEMU will find it; the options for QEMU."""
        window = Window(self._mapper)
        device = SharedMemoryDevice(
            vdev,
            owner=self.name,
            registry=self.registry,
            window=window,
            profile=self.profile,
            vector=0,
            interrupt=lambda: None,
        )
        socket = self.run_directory / f"{self.name}.{number}.sock"
        self._parts.append(_Part(device, window, Listener(socket, ShmemFunction(device, window)), socket))
        try:
            device.create_configured()
        except Refused as refusal:
            raise ConfigError(
                f"cannot create the regions of this vdev: {refusal}",
                vdev.creates[0].position,
                expected=f"names of up to 31 characters, up to {Window.max_pages * 4} KiB each",
            ) from refusal
        # Posted writes would let the guest run on before a detach has taken the data away.
        properties = {
            "driver": "vfio-user-pci",
            "id": f"shmem{number}",
            "socket": {"type": "unix", "path": str(socket)},
            "x-no-posted-writes": True,
        }
        return ["-device", json.dumps(properties)]

    def _create_node(self) -> None:
        try:
            self.node.mkdir(parents=True)
        except FileExistsError as error:
            raise ConfigError(
                "a VM of this name is running already", self.config.system_position, found=self.name
            ) from error
        self._node_made = True

    async def wait(self) -> Exit:
        """Until the guest has ended; everything it held is given back."""
        assert self._qemu is not None
        try:
            ending = await self._qemu.wait()
        finally:
            self.close()
        if self._power == "power-cut":
            return Exit(EXIT_POWER_CUT)
        if self._power == "power-button" or ending.reason in _GUEST_ENDED:
            return Exit(EXIT_NORMAL)
        return Exit(EXIT_AFTER_START, f"QEMU ended with status {ending.returncode}; it says:\n{ending.words}")

    async def stop(self, how: StopHow) -> None:
        """Press the power button, or cut the power.

        QNX Hypervisor User's Guide, "Shutting down guests": an x86 guest sees an ACPI event and a second press ends it
        at once; an ARM guest ends at the first.
        """
        assert self._qemu is not None
        if how == "power-cut" or self._power == "power-button" or not self._has_power_button():
            self._power = how
            with contextlib.suppress(ProcessLookupError):
                await self._qemu.kill()
            return
        self._power = how
        await self._qemu.execute("system_powerdown")

    def _has_power_button(self) -> bool:
        return plan(self.config, self.directory).arch == "x86_64"

    def close(self) -> None:
        """Give back what the guest held; its connections end, which the other clients see as a detach."""
        for part in self._parts:
            part.close()
        for console in self._consoles:
            console.close()
        self._mapper.close()
        self._parts, self._consoles = [], []
        if self._node_made:
            shutil.rmtree(self.node, ignore_errors=True)
            self._node_made = False


def close_streams(streams: Streams) -> None:
    """Close the descriptors that came with a start request."""
    for fd in {streams.stdin, streams.stdout}:
        os.close(fd)
