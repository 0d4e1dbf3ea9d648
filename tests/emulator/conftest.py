# SPDX-License-Identifier: Apache-2.0
"""A real emulated host, and guests that are started as a person would: with ``qvm`` on a shell."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness import provision
from harness.arch import Arch
from harness.emulator import qvm
from harness.emulator.service.client import EmulatedHost, HostClient
from harness.emulator.service.messages import RunningGuest
from harness.errors import HarnessError
from tests import programs
from tests.emulator.terminal import Terminal

_TEMPLATES: dict[Arch, str] = {
    "aarch64": """
system {system}
ram 0x40000000,64M
load {image}
vdev pl011 loc 0x9000000 intr gic:33 hostdev {console}
{devices}
""",
    "x86_64": """
system {system}
ram 0,64M
load {image}
vdev ioapic loc 0xfec00000 intr apic name myioapic
vdev ser8250 loc io:0x3f8 intr myioapic:4 hostdev {console}
{devices}
""",
}


def configuration(
    arch: Arch = "aarch64", *, system: str = "one", console: str = "/dev/ptyp0", devices: str = "vdev shmem"
) -> str:
    """A small guest that runs the probe."""
    image = provision.probe_image(arch)
    return _TEMPLATES[arch].format(system=system, image=image, console=console, devices=devices).lstrip()


def image_that_powers_off(path: Path) -> Path:
    """An AArch64 ELF file of one segment: PSCI SYSTEM_OFF is all that it does."""
    code = struct.pack("<4I", 0xD2B08000, 0x91002000, 0xD4000002, 0x14000000)
    base, header = 0x4020_0000, 0x78
    identity = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    elf = struct.pack("<16sHHIQQQIHHHHHH", identity, 2, 183, 1, base + header, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, header + len(code), header + len(code), 4096)
    path.write_bytes(elf + segment + code)
    return path


_LOOK_SECONDS = 1.0

QVM_OF_A_PERSON = (sys.executable, "-m", "harness.emulator.qvm")
"""Finds a host, and becomes the qvm that benches start."""


@pytest.fixture(params=["bench", "person"])
def either_qvm(request: pytest.FixtureRequest) -> Sequence[str]:
    """qvm as benches start it, and as people do."""
    return qvm.command() if request.param == "bench" else QVM_OF_A_PERSON


class Bench:
    """A host of the test's own, and its qvm processes."""

    def __init__(self, host: EmulatedHost, directory: Path) -> None:
        self.host = host
        self.client: HostClient = host.client()
        self._directory = directory
        self._processes: list[subprocess.Popen[str]] = []
        self._terminals: list[Terminal] = []

    def qvm(self, text: str, *arguments: str) -> subprocess.Popen[str]:
        """Start ``qvm @file`` with this configuration, as a bench does."""
        path = self._directory / f"guest{len(self._processes)}.qvmconf"
        path.write_text(text)
        process = programs.Program(
            [*qvm.command(), f"@{path}", *arguments],
            env={**os.environ, "QVM_HOST": str(self.host.socket)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._processes.append(process)
        return process

    def guest(self, text: str, system: str = "one") -> tuple[subprocess.Popen[str], Terminal]:
        """Start a guest and wait until its probe answers."""
        process = self.qvm(text)
        terminal = Terminal(Path(self._running(process, system).consoles[0]), system)
        self._terminals.append(terminal)
        # Not by what it prints first: opening a terminal drops what came before.
        terminal.probe.identify(timeout=programs.PATIENCE)
        return process, terminal

    def _running(self, process: subprocess.Popen[str], system: str) -> RunningGuest:
        """The guest, when it runs. A qvm that has ended instead has said why."""
        deadline = time.monotonic() + programs.PATIENCE
        while True:
            try:
                return self.client.wait_guest(system, _LOOK_SECONDS)
            except HarnessError:
                if process.poll() is not None:
                    pytest.fail(f"qvm has ended with {process.returncode}: {process.communicate()[1]}")
                if time.monotonic() > deadline:
                    raise

    def close(self) -> None:
        """End what is left."""
        for terminal in self._terminals:
            terminal.close()
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGQUIT)
            process.communicate(timeout=programs.PATIENCE)
        self.client.close()


@contextmanager
def bench_with(folder: Path, readings: Mapping[str, str]) -> Iterator[Bench]:
    """A host of 7.0 with these readings in the place of its own, which logs no traceback."""
    with EmulatedHost(log=folder / "host.log", overrides=readings) as host:
        made = Bench(host, folder)
        try:
            yield made
        finally:
            made.close()
    assert "Traceback" not in (folder / "host.log").read_text()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A host with the documented behaviour of 7.0."""
    with bench_with(tmp_path, {}) as made:
        yield made
