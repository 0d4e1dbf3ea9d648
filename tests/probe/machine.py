# SPDX-License-Identifier: Apache-2.0
"""A probe guest in a QEMU of its own, without a host around it, with its console on a socket."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from harness.arch import Arch
from harness.guest.socket_console import SocketConsole
from harness.provision import probe_image, qemu
from harness.provision.compiler import compile_c, load_recipe
from tests import programs

MACHINES: Final[dict[str, tuple[Arch, tuple[str, ...]]]] = {
    "aarch64-gicv2": ("aarch64", ("-machine", "virt,gic-version=2", "-cpu", "cortex-a72")),
    "aarch64-gicv3": ("aarch64", ("-machine", "virt,gic-version=3", "-cpu", "cortex-a53")),
    "x86_64-q35": ("x86_64", ("-machine", "q35", "-vga", "none")),
}


class Console(SocketConsole):
    """The probe's console, as a person reads it."""

    def drain(self, silence: float = 0.1) -> None:
        """Take everything until nothing has come for a while."""
        with contextlib.suppress(TimeoutError):
            while True:
                self.read(time.monotonic() + silence)

    def line(self, wanted: str, seconds: float = 10.0) -> str:
        """Wait for a line that contains `wanted`, as a person at the console would."""
        end = time.monotonic() + seconds
        while True:
            for line in self.said.decode("latin-1").split("\r\n")[:-1]:
                if wanted in line:
                    return line
            self.read(end)


def loader_image(folder: str, arch: Arch) -> Path:
    """A loader of the tests that starts the probe, as a kernel for QEMU; its sources are in `folder`."""
    recipe = load_recipe(Path(__file__).parent / folder / "recipe.toml", arch)
    return compile_c(recipe).path / recipe.output


class Machine:
    """A running QEMU and the transport to its guest."""

    def __init__(
        self, architecture: Arch, process: subprocess.Popen[bytes], transport: Console, started: float
    ) -> None:
        self.architecture = architecture
        self.process = process
        self.transport = transport
        self.started = started

    @property
    def processor_seconds(self) -> float:
        """The processor time that QEMU has used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def running(name: str, *, reboots: bool = False) -> Iterator[Machine]:
    """The machine called `name` with the probe in it, as `booted` has it."""
    arch, arguments = MACHINES[name]
    with booted(arch, arguments, probe_image(arch), reboots=reboots) as machine:
        yield machine


@contextlib.contextmanager
def booted(
    arch: Arch, arguments: Sequence[str], image: Path, *, memory: int = 128, reboots: bool = False
) -> Iterator[Machine]:
    """A machine of `memory` MiB that QEMU's `-kernel` starts an image in; killed in the end if it still runs.

    Unless it `reboots`, QEMU ends when the guest resets.
    """
    command = qemu(arch).command()
    here, there = socket.socketpair()
    with here, tempfile.TemporaryFile() as words:
        with there:
            started = time.monotonic()
            process = programs.Program(
                [
                    *command.argv,
                    *arguments,
                    *("-accel", "tcg", "-m", f"{memory}M", "-nodefaults", "-display", "none"),
                    *(() if reboots else ("-no-reboot",)),
                    *("-chardev", f"socket,id=console,fd={there.fileno()}", "-serial", "chardev:console"),
                    *("-kernel", str(image)),
                ],
                cwd=command.folder,
                env={**os.environ, **command.environment},
                pass_fds=(there.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=subprocess.STDOUT,
            )
        try:
            yield Machine(arch, process, Console(here), started)
        finally:
            process.kill()
            process.wait()
            words.seek(0)
            print(words.read().decode("utf-8", "replace"))
