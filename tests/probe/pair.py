# SPDX-License-Identifier: Apache-2.0
"""Two probe guests on an emulated host.

With PCI placement, the second one may not use regions whose names begin with ``secret``.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from harness.arch import Arch
from harness.emulator import qvm
from harness.emulator.service.client import EmulatedHost, HostClient
from harness.guest.probe import Probe
from harness.provision import probe_image
from tests import programs
from tests.emulator.terminal import Terminal

_CONFIGURATION: Final[dict[Arch, str]] = {
    "aarch64": """
system {system}
ram 0x40000000,128M
load {image}
vdev pl011 loc 0x9000000 intr gic:33 hostdev {console}
{device}
""",
    "x86_64": """
system {system}
ram 0,128M
load {image}
vdev ioapic loc 0xfec00000 intr apic name myioapic
vdev ser8250 loc io:0x3f8 intr myioapic:4 hostdev {console}
{device}
""",
}


Placement = Literal["pci", "mmio"]

PC_ADDRESSES: Final = (0x90000000, 0x90001000)
PC_LINES: Final = (7, 3)

_DEVICES: Final[dict[tuple[Arch, Placement], tuple[str, str]]] = {
    ("aarch64", "pci"): ("vdev shmem", "vdev shmem deny secret*"),
    ("x86_64", "pci"): ("vdev shmem", "vdev shmem deny secret*"),
    ("aarch64", "mmio"): ("vdev shmem loc 0x1c050000 intr gic:43", "vdev shmem loc 0x1c051000 intr gic:77"),
    ("x86_64", "mmio"): (
        f"vdev shmem loc {PC_ADDRESSES[0]:#x} intr myioapic:{PC_LINES[0]}",
        f"vdev shmem loc {PC_ADDRESSES[1]:#x} intr myioapic:{PC_LINES[1]}",
    ),
}


@dataclass(frozen=True)
class Pair:
    """Two guests and the host that they share."""

    architecture: Arch
    placement: Placement
    one: Probe
    two: Probe
    host: HostClient


@contextlib.contextmanager
def _guest(host: EmulatedHost, client: HostClient, folder: Path, system: str, text: str) -> Iterator[Probe]:
    path = folder / f"{system}.qvmconf"
    path.write_text(text)
    process = programs.Program(
        [*qvm.command(), f"@{path}"],
        env={**os.environ, "QVM_HOST": str(host.socket)},
        stdin=subprocess.DEVNULL,
    )
    try:
        terminal = Terminal(Path(client.wait_guest(system, programs.PATIENCE).consoles[0]), system)
        with contextlib.closing(terminal):
            terminal.probe.identify(timeout=programs.PATIENCE)
            yield terminal.probe
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait(programs.PATIENCE)


@contextlib.contextmanager
def running_guest(
    host: EmulatedHost, client: HostClient, folder: Path, arch: Arch, device: str, number: int = 0
) -> Iterator[Probe]:
    """Start one guest with a device; it is gone in the end."""
    text = _CONFIGURATION[arch].format(
        system=f"guest{number}", image=probe_image(arch), console=f"/dev/ptyp{number}", device=device
    )
    with _guest(host, client, folder, f"guest{number}", text) as probe:
        yield probe


@contextlib.contextmanager
def running_pair(arch: Arch, placement: Placement, folder: Path) -> Iterator[Pair]:
    """Start the host and both guests; all are gone in the end. On a PC, the guests are told of placed devices."""
    with EmulatedHost(log=folder / "host.log") as host, host.client() as client, contextlib.ExitStack() as stack:
        probes = []
        for number, device in enumerate(_DEVICES[arch, placement]):
            probes.append(stack.enter_context(running_guest(host, client, folder, arch, device, number)))
            if (arch, placement) == ("x86_64", "mmio"):
                probes[number].register_device(PC_ADDRESSES[number], PC_LINES[number], edge=True)
        yield Pair(arch, placement, probes[0], probes[1], client)
