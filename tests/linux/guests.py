# SPDX-License-Identifier: Apache-2.0
"""Linux guests on an emulated host of their own, started by qvm from the templates that the benches use."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import jinja2
from labgrid.factory import target_factory
from labgrid.resource import NetworkService

from harness.arch import Arch
from harness.emulator.client import EmulatedHost
from harness.guest.linux import LinuxConsole
from harness.guest.linux_keys import BenchKeys
from harness.guest.ssh import ShmemSSHDriver
from harness.guest.ssh_port import KeptPort
from harness.guest.target import GuestTarget
from harness.host.emulated import EmulatedGuest
from harness.provision.linux_image import LinuxImage, linux_image

BOOT_SECONDS = 60.0
TEMPLATES = Path(__file__).resolve().parents[2] / "targets"


@dataclass
class Running:
    """A Linux guest that has been started. Neither its console nor its SSH server has answered yet."""

    name: str
    arch: Arch
    image: LinuxImage
    host: EmulatedHost
    guest: EmulatedGuest
    target: GuestTarget
    console: LinuxConsole
    ssh: ShmemSSHDriver
    keys: BenchKeys
    port: int
    log: Path
    started: float


@contextmanager
def linux_guest(
    arch: Arch, folder: Path, *, name: str = "guest0", recipe: Path | None = None, shmem: str = ""
) -> Iterator[Running]:
    """Start one guest on a host of its own; both are gone at the end."""
    host = EmulatedHost(log=folder / "host.log")
    host.start()
    try:
        with started(host, arch, folder, name=name, recipe=recipe, shmem=shmem) as running:
            yield running
    finally:
        host.stop()
        shutil.rmtree(host.run_directory, ignore_errors=True)


@contextmanager
def started(
    host: EmulatedHost, arch: Arch, folder: Path, *, name: str, recipe: Path | None = None, shmem: str = ""
) -> Iterator[Running]:
    """Start one more guest on a host."""
    image = linux_image(arch, recipe)
    keys = BenchKeys.create(folder / f"{name}-keys")
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(contextlib.closing(KeptPort())).number
        configuration = folder / f"{name}.qvmconf"
        configuration.write_text(
            jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES / f"qemu-{arch}"))
            .get_template("linux.qvmconf.j2")
            .render(
                system=name,
                image=image.kernel,
                initrd=keys.initrd(image.initrd, folder / f"{name}.initrd"),
                cmdline=image.cmdline,
                console=f"/dev/ptyp{name[-1]}",
                port=port,
                shmem=shmem,
            )
        )
        client = stack.enter_context(contextlib.closing(host.client()))
        began = time.monotonic()
        guest = EmulatedGuest(name, str(configuration), host.root / f"dev/ttyp{name[-1]}", host, client)
        stack.callback(guest.kill)
        target = GuestTarget(name, guest.wait_console(BOOT_SECONDS), folder / f"{name}.log")
        stack.callback(target.close)
        NetworkService(target.target, None, "127.0.0.1", "root", port=port)
        arguments = {"keyfile": str(keys.keyfile), "known_hosts": str(keys.known_hosts("127.0.0.1", port))}
        ssh = target_factory.make_driver(
            target.target, ShmemSSHDriver.__name__, None, {**arguments, "connect_seconds": BOOT_SECONDS}
        )
        yield Running(
            name=name,
            arch=arch,
            image=image,
            host=host,
            guest=guest,
            target=target,
            console=LinuxConsole(target),
            ssh=ssh,
            keys=keys,
            port=port,
            log=folder / f"{name}.log",
            started=began,
        )
