# SPDX-License-Identifier: Apache-2.0
"""One guest of the emulated host: from its configuration to a running QEMU and its exit status.

Exit statuses: QNX Hypervisor 8.0 User's Guide, "qvm process exit codes".
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from qemu.qmp import QMPError

from harness import provision
from harness.arch import Arch
from harness.emulator import shortages
from harness.emulator.device.regions import Registry
from harness.emulator.machine import Plan, plan
from harness.emulator.machine.board import ChipSet
from harness.emulator.machine.console import STANDARD_STREAMS, OpenConsole, TerminalModes, Terminals, open_console
from harness.emulator.machine.devices import VmDevices
from harness.emulator.machine.devicetree import with_devices
from harness.emulator.machine.qemu import Ending, Qemu, QemuDied
from harness.emulator.machine.qtest import QtestError
from harness.emulator.window import Mapper
from harness.errors import HarnessError
from harness.narrow import present
from harness.provision.qemu_program import Command
from harness.shmem.config import ConfigError, VmConfig, shmems_of
from harness.shmem.profile import Profile

EXIT_NORMAL: Final = 0
EXIT_POWER_CUT: Final = 3
EXIT_VDEV: Final = 6
EXIT_BEFORE_START: Final = 64
EXIT_CONFIGURATION: Final = 65
EXIT_AFTER_START: Final = 96

_LAST_WORDS_SECONDS: Final = 0.25
_LOOK_SECONDS: Final = 0.005
_STARTING: Final = "starting"

_ENDED_BY_GUEST: Final = {"guest-shutdown", "guest-reset"}
"""QMP's reasons that mean an orderly end: the guest asked for it. A reboot ends qvm too, on QNX as here."""

StopHow = Literal["power-button", "power-cut"]

_device_trees: dict[tuple[str, ...], bytes] = {}
"""QEMU's own device trees, by what they depend on: asking costs a start of QEMU."""


@dataclass(frozen=True)
class Exit:
    """What qvm exits with, and what it says."""

    status: int
    message: str = ""


@dataclass(frozen=True)
class Streams:
    """Descriptors of the qvm process that the guest may use for ``hostdev >-``."""

    stdin: int
    stdout: int


class Guest:
    """A guest, from before its start until after its end. ``directory`` is where relative paths start."""

    def __init__(
        self,
        config: VmConfig,
        *,
        directory: Path,
        run_directory: Path,
        registry: Registry,
        profile: Profile,
        terminals: Terminals,
        chip_set: ChipSet = "q35",
    ) -> None:
        self.config = config
        self.name = config.system or ""
        self.root = run_directory / "root"
        self.node = self.root / "dev" / "qvm" / self.name
        """Exists exactly while the VM lives: ``/dev/qvm/SYSTEM`` of the host."""
        self.notes: tuple[str, ...] = ()
        self._directory = directory
        self._profile = profile
        self._chip_set = chip_set
        self._terminals = terminals
        self._mapper = Mapper()
        self._devices = VmDevices(self.name, run_directory, registry, profile, self._mapper, self._break)
        self._consoles: list[OpenConsole] = []
        self._terminal: TerminalModes | None = None
        self._qemu: Qemu | None = None
        self._has_power_button = False
        self._stopped: StopHow | None = None
        self._press: asyncio.Task[None] | None = None
        self._broken = ""
        self._reserved: Path | None = None

    @property
    def console_paths(self) -> list[str]:
        """User sides of the consoles, as paths of this machine."""
        return [str(console.link) for console in self._consoles if console.link]

    @property
    def pid(self) -> int | None:
        """Process identifier of the guest's QEMU; None when that has ended."""
        return self._qemu.pid if self._qemu else None

    def report(self) -> list[str]:
        """The state of qvm and its devices that SIGUSR1 prints, line by line (8.0 User's Guide, "Gathering
        information about a virtual machine")."""
        return [f"system {self.name}: running", *self._devices.report()]

    async def start(self, streams: Streams) -> Exit | None:
        """Start the VM. None when it runs; otherwise what qvm must exit with, everything given back."""
        try:
            await self._start(streams)
        except BaseException as error:
            shortages.note(error, f"the start of guest {self.name}")
            ending = await self._kill()
            if ending and not ending.killed and isinstance(error, (QtestError, QMPError)):
                # A channel that breaks is a QEMU that has ended, and that has said why.
                error = QemuDied(ending)
            self.close()
            refused = _exit_for(error)
            if refused is None or refused.status != EXIT_NORMAL:
                self._devices.undo()
            if refused is None:
                raise
            return refused
        return None

    async def _start(self, streams: Streams) -> None:
        # It reads images, and looks for QEMU: other guests would lose their devices if the loop stood still meanwhile.
        planned = await asyncio.to_thread(plan, self.config, self._directory, self._profile, self._chip_set)
        self.notes = planned.notes
        self._has_power_button = planned.arch == "x86_64"
        arguments = [*planned.arguments, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
        for number, console in enumerate(planned.consoles):
            self._consoles.append(open_console(console, number, self._terminals))
            arguments += self._consoles[-1].arguments
        self._reserve_node()
        arguments += self._devices.add(planned.placements)
        with tempfile.TemporaryDirectory(prefix="start-", dir=self.root.parent) as scratch:
            if self._devices.memory_mapped:
                arguments += ["-S", *await self._device_tree(planned, Path(scratch))]
            self._qemu = await self._launch(planned, arguments, streams)
        if self._broken:
            # The guest was quicker than QEMU's greeting.
            self._qemu.cut()
        await self._devices.connect(self._qemu.qtest, planned.arch, planned.board)
        if self._devices.memory_mapped:
            await self._qemu.execute("cont")
        self._show_node()

    async def _launch(self, planned: Plan, arguments: list[str], streams: Streams) -> Qemu:
        # QEMU may have to be fetched, and the library inside it to be compiled.
        command = await asyncio.to_thread(_qemu_command, planned.arch)
        on_streams = any(console.hostdev == STANDARD_STREAMS for console in planned.consoles)
        if on_streams:
            self._terminal = TerminalModes((streams.stdin, streams.stdout))
        return await Qemu.start(
            [*command.argv, *arguments],
            environment={**command.environment, **self._mapper.environment()},
            folder=command.folder,
            inherit=[self._mapper.child.fileno(), *(fd for console in self._consoles for fd in console.inherit)],
            stdin=streams.stdin if on_streams else asyncio.subprocess.DEVNULL,
            stdout=streams.stdout if on_streams else asyncio.subprocess.DEVNULL,
            inherited=self._mapper.started,
        )

    async def _device_tree(self, planned: Plan, scratch: Path) -> list[str]:
        """QEMU's options for a device tree that has the memory-mapped devices; a PC has none."""
        if planned.arch != "aarch64":
            return []
        blob = _device_trees.get(planned.machine)
        if blob is None:
            blob = _device_trees[planned.machine] = await _dump_device_tree(planned, scratch / "machine.dtb")
        mapped = [placement for placement in planned.placements if placement.loc is not None]
        path = scratch / "guest.dtb"
        path.write_bytes(with_devices(blob, mapped))
        return ["-dtb", str(path)]

    def _reserve_node(self) -> None:
        """Keep the VM's own entry below ``/dev/qvm``, with one for each named shared-memory device (SHM-OPEN-31).

        It is elsewhere until the VM runs, so that an entry means a running guest.
        """
        reserved = self.root.parent / _STARTING / self.name
        if self.node.exists() or reserved.exists():
            raise ConfigError("a VM of this name is running already", self.config.system_position, found=self.name)
        reserved.mkdir(parents=True)
        self._reserved = reserved
        for vdev in shmems_of(self.config):
            if vdev.name and self._profile.dev_node == "present":
                (reserved / vdev.name).touch()

    def _show_node(self) -> None:
        self._reserved = present(self._reserved).rename(self.node)

    async def wait(self) -> Exit:
        """Until the guest has ended; everything it held is given back."""
        try:
            ending = await present(self._qemu).wait()
            self._devices.close()
            await self._last_words_read()
        finally:
            self.close()
        if self._broken:
            return Exit(EXIT_VDEV, self._broken)
        # A QEMU that ends while its channel is being opened has no time to report the reason; 0 is an orderly end.
        if ending.reason in _ENDED_BY_GUEST or ending.returncode == 0:
            return Exit(EXIT_NORMAL)
        if ending.killed:
            return Exit(EXIT_POWER_CUT if self._stopped == "power-cut" else EXIT_NORMAL)
        return Exit(EXIT_AFTER_START, f"QEMU ended with status {ending.returncode}; it says:\n{ending.words}")

    async def _last_words_read(self) -> None:
        """Until readers of the consoles have what the guest said last, as a serial line would bring it to them."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_SECONDS):
                while any(console.unread for console in self._consoles):
                    await asyncio.sleep(_LOOK_SECONDS)

    async def stop(self, how: StopHow) -> None:
        """Press the power button, or cut the power.

        QNX Hypervisor User's Guide, "Shutting down guests": an x86 guest sees an ACPI event and a second press ends it
        at once; an ARM guest ends at the first. The event is not waited for: a QEMU that is suspended takes it when it
        goes on, and can be cut before.
        """
        if self._stopped == "power-cut":
            # Signals that wait together reach qvm in the order of their numbers, the button behind the cut.
            return
        pressed_before = self._stopped == "power-button"
        self._stopped = how
        if how == "power-button" and self._has_power_button and not pressed_before:
            self._press = asyncio.create_task(self._press_button())
        else:
            await self._kill()

    async def _press_button(self) -> None:
        # A QEMU that takes no commands any more is ending already.
        with contextlib.suppress(QMPError):
            await present(self._qemu).execute("system_powerdown")

    async def _kill(self) -> Ending | None:
        return await self._qemu.kill() if self._qemu is not None else None

    def _break(self, reason: str) -> None:
        """A device met something that ends qvm.

        This runs inside a request of QEMU's, so nothing is waited for; QEMU does not get as far as the answer.
        """
        self._broken = self._broken or reason
        if self._qemu is not None:
            self._qemu.cut()

    def close(self) -> None:
        """Give back what the guest held, all of it also when a part cannot be given back."""
        with contextlib.ExitStack() as stack:
            stack.callback(self._mapper.close)
            for console in self._consoles:
                stack.callback(console.close)
            self._consoles = []
            if self._terminal is not None:
                stack.callback(self._terminal.put_back)
            stack.callback(self._remove_node)
            stack.callback(self._devices.close)

    def _remove_node(self) -> None:
        """The VM's name is free again."""
        if self._reserved is not None:
            shutil.rmtree(self._reserved, ignore_errors=True)
            self._reserved = None


def _qemu_command(arch: Arch) -> Command:
    """How QEMU is started."""
    return _command_of(provision.qemu(arch))


@functools.cache
def _command_of(program: provision.Qemu) -> Command:
    """How this QEMU is started. It takes files to be read that do not change while a host runs."""
    return program.command(preload=provision.window_library())


def _exit_for(error: BaseException) -> Exit | None:
    """The message of qvm for an error at its start; None when the error is not the guest's."""
    match error:
        case ConfigError():
            return Exit(EXIT_CONFIGURATION, error.qvm_message())
        case QemuDied(ending=Ending(returncode=0)):
            # The guest was quicker with its power-off than QEMU with its greeting.
            return Exit(EXIT_NORMAL)
        case QemuDied():
            return Exit(EXIT_BEFORE_START, f"the virtual machine did not start; QEMU says:\n{error}")
        case QtestError() | QMPError() | HarnessError() | OSError() | MemoryError():
            return Exit(EXIT_BEFORE_START, f"the virtual machine cannot be set up: {error}")
        case _:
            return None


async def _dump_device_tree(planned: Plan, path: Path) -> bytes:
    """The device tree that QEMU makes for this machine. Raises QemuDied."""
    command = (await asyncio.to_thread(provision.qemu, planned.arch)).command()
    machine = [f"{word},dumpdtb={path}" if before == "-machine" else word for before, word in _pairs(planned.machine)]
    process = await asyncio.create_subprocess_exec(
        *command.argv,
        *machine,
        "-nodefaults",
        "-display",
        "none",
        env={**os.environ, **command.environment},
        cwd=command.folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, words = await process.communicate()
    if process.returncode != 0:
        shortages.note_words(words.decode(errors="replace"), "QEMU")
        raise QemuDied(Ending("", process.returncode or 1, words.decode(errors="replace")))
    return path.read_bytes()


def _pairs(words: tuple[str, ...]) -> list[tuple[str, str]]:
    """Each word with the one before it."""
    return list(zip(("", *words), words, strict=False))
