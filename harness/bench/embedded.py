# SPDX-License-Identifier: Apache-2.0
"""An embedded bench that no target file describes: an emulated host of one's own, and guests on it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final, Self

from harness import shipped
from harness.arch import Arch
from harness.bench.guests import StartedGuest, Starter, Wanted
from harness.bench.linux import LinuxKit
from harness.bench.settings import BenchConfig, LinuxConfig
from harness.host.emulated import EmulatedHypervisor
from harness.shmem.profile import Profile

BOOT_SECONDS: Final = 60.0
PROFILE: Final = "7.0"


def embedded_config(architecture: Arch, profile: str = PROFILE, boot_seconds: float = BOOT_SECONDS) -> BenchConfig:
    """The settings of such a bench, whose guests have their devices on PCI."""
    return BenchConfig(
        name=f"qemu-{architecture}",
        architecture=architecture,
        release=profile,
        profile=Profile.load(profile),
        features=frozenset(),
        placements=("pci",),
        guest_images=("probe", "linux"),
        ways=("serial", "ssh"),
        templates=shipped.TARGETS / f"qemu-{architecture}",
        boot_seconds=boot_seconds,
        linux=LinuxConfig(boot_seconds=boot_seconds),
    )


class EmbeddedBench:
    """The host runs while the context lasts, and its guests end with it. ``folder`` gets logs and configurations.

    ``kit`` is what its Linux guests have in common.
    """

    def __init__(self, folder: Path, profile: str = PROFILE, boot_seconds: float = BOOT_SECONDS) -> None:
        self.folder = folder
        self.host = EmulatedHypervisor(profile, log=folder / "host.log")
        self._profile = profile
        self._boot_seconds = boot_seconds
        self._stack = contextlib.ExitStack()
        self.kit = LinuxKit()

    def __enter__(self) -> Self:
        self._stack.callback(self.kit.close)
        self._stack.callback(self.host.stop)
        try:
            self.host.start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self, architecture: Arch, wanted: Wanted) -> StartedGuest:
        """Start a guest without waiting for it. Raises BenchError."""
        config = embedded_config(architecture, self._profile, self._boot_seconds)
        guest = Starter(config, self.host, self.kit).start(wanted)
        self._stack.callback(guest.qvm.kill)
        self._stack.callback(guest.close)
        return guest
