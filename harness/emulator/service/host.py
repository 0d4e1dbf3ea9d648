# SPDX-License-Identifier: Apache-2.0
"""The emulated host: its regions, its guests and the directory that stands for its root."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from harness.emulator.device.regions import Registry
from harness.emulator.machine.board import ChipSet
from harness.emulator.machine.console import Terminals
from harness.emulator.machine.guest import EXIT_CONFIGURATION, Exit, Guest, Streams
from harness.errors import UsageError
from harness.shmem.config import NOWHERE, ConfigError, VmConfig, parse_arguments
from harness.shmem.config.validate import validate
from harness.shmem.config.words import refuse_controls, show
from harness.shmem.profile import FIELDS, Profile

_CLOSE_SECONDS: Final = 5.0


class Host:
    """One host; everything it owns is below ``run_directory`` or an anonymous memory file.

    ``chip_set`` is that of guests that are PCs. ``terminals`` is how many pseudo-terminals it has, as devc-pty makes
    them; 0: as many as guests ask for (``harness.emulator.machine.console``).
    """

    def __init__(self, run_directory: Path, profile: Profile, chip_set: ChipSet = "q35", *, terminals: int = 0) -> None:
        check_possible(profile)
        self.run_directory = run_directory
        self.root = run_directory / "root"
        self.profile = profile
        self._chip_set = chip_set
        self.guests: dict[str, Guest] = {}
        self.registry = Registry(profile)
        self._starting: list[str] = []
        self.registry.lives = lambda system: system in self.guests or system in self._starting
        self._changed = asyncio.Condition()
        (self.root / "dev" / "qvm").mkdir(parents=True, exist_ok=True)
        self._terminals = Terminals(self.root, terminals)

    async def start_guest(self, arguments: Sequence[str], directory: Path, streams: Streams) -> Guest | Exit:
        """What a qvm process does first: read the configuration and start the VM."""
        try:
            config = self._read(arguments, directory)
        except ConfigError as error:
            return Exit(EXIT_CONFIGURATION, error.qvm_message())
        guest = Guest(
            config,
            directory=directory,
            run_directory=self.run_directory,
            registry=self.registry,
            profile=self.profile,
            terminals=self._terminals,
            chip_set=self._chip_set,
        )
        # Others may use what its creates have made, and leave it, before it runs.
        self._starting.append(guest.name)
        try:
            refused = await guest.start(streams)
            if refused is None:
                async with self._changed:
                    self.guests[guest.name] = guest
                    self._changed.notify_all()
                return guest
        finally:
            self._starting.remove(guest.name)
        self._forget_regions_of(guest.name)
        return refused

    def _forget_regions_of(self, system: str) -> None:
        """What a VM of that name has made ends with it, unless there is one again."""
        if not self.registry.lives(system):
            self.registry.ended(system)

    def _read(self, arguments: Sequence[str], directory: Path) -> VmConfig:
        try:
            refuse_controls(str(directory), NOWHERE)
        except ConfigError:
            # The names of files in it could not be written in a configuration.
            said = "the path of the current directory has a control character"
            raise ConfigError(said, NOWHERE, found=show(str(directory))) from None
        config = parse_arguments(arguments, directory)
        if not config.system:
            raise ConfigError("the VM has no name", config.system_position, expected="'system NAME' first")
        for problem in validate(config, self.profile):
            raise problem
        return config

    async def end_of(self, guest: Guest) -> Exit:
        """Wait for the guest's end."""
        try:
            return await guest.wait()
        finally:
            async with self._changed:
                # Its name is free since it has ended, and may be that of another one already.
                if self.guests.get(guest.name) is guest:
                    del self.guests[guest.name]
                self._forget_regions_of(guest.name)
                self._changed.notify_all()

    async def wait_guest(self, name: str, timeout: float) -> Guest:
        """The guest of that name as soon as it runs. Raises TimeoutError."""
        async with asyncio.timeout(timeout), self._changed:
            await self._changed.wait_for(lambda: name in self.guests)
            return self.guests[name]

    async def wait_end(self, name: str, timeout: float) -> None:
        """Until no guest of that name runs. Raises TimeoutError."""
        async with asyncio.timeout(timeout), self._changed:
            await self._changed.wait_for(lambda: name not in self.guests)

    async def close(self) -> None:
        """Cut the power of every guest and drop every region."""
        for guest in list(self.guests.values()):
            await guest.stop("power-cut")
        # A guest without a client ends with this process; do not wait for its end without a limit.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS), self._changed:
                await self._changed.wait_for(lambda: not self.guests)
        self._terminals.close()
        self.registry.close()


_NO_FAULT = "stock QEMU does not fault an access of a guest"
IMPOSSIBLE: Final = {
    ("bad_access", "guest-abort"): _NO_FAULT,
    ("detached_window", "guest-abort"): _NO_FAULT,
    ("detached_window", "qvm-exit"): "QEMU does not report accesses to plain memory",
    ("loc_collision", "accepted"): "QEMU's machines cannot have two things at one address",
    ("intr_without_loc", "accepted"): "QEMU's machines decide the interrupt of a PCI device",
}
"""Readings that this host cannot have, and why."""


def check_possible(profile: Profile) -> None:
    """Raise UsageError for a profile that this host cannot have."""
    for (field, reading), why in IMPOSSIBLE.items():
        if getattr(profile, field) == reading:
            possible = [other for other in FIELDS[field].readings if (field, other) not in IMPOSSIBLE]
            raise UsageError(
                f"the emulated host cannot implement the reading '{reading}' of '{field}': {why}",
                remedy=f"choose {' or '.join(possible)}",
            )
