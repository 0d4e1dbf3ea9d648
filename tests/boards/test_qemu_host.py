# SPDX-License-Identifier: Apache-2.0
"""A host that labgrid's QEMUDriver boots: power switch and console in one, everything else as on a board.

The image is a Linux, because a QNX host image has to be brought by its licensee; what is shown is the way of
``targets/qemu-qnx-aarch64.yaml`` up to the point where the hypervisor is needed.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from labgrid import Environment
from labgrid.strategy import StrategyError

from harness import provision
from harness.guest.linux_keys import BenchKeys
from harness.host.board.strategy import BoardStatus
from harness.provision.linux.image import linux_image
from tests.boards.lab import within

pytestmark = pytest.mark.long


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _qemu(folder: Path) -> Path:
    """A QEMU that labgrid can call by one name."""
    command = provision.qemu("aarch64").command()
    script = folder / "qemu-system-aarch64"
    exports = "".join(f"export {name}='{value}'\n" for name, value in command.environment.items())
    words = " ".join(f"'{word}'" for word in command.argv)
    script.write_text(f"#!/bin/sh\n{exports}cd '{command.folder}'\nexec {words} \"$@\"\n")
    script.chmod(0o755)
    return script


@pytest.fixture
def in_qemu(tmp_path: Path) -> Iterator[Any]:
    """The strategy of a target like targets/qemu-qnx-aarch64.yaml, with another image."""
    image = linux_image("aarch64")
    keys = BenchKeys.create(tmp_path / "keys")
    initrd = keys.initrd(image.initrd, tmp_path / "initrd")
    port = _free_port()
    network = f"-netdev user,id=net0,hostfwd=tcp:127.0.0.1:{port}-:22 -device virtio-net-pci,netdev=net0"
    target = {
        "resources": {"NetworkService": {"address": "127.0.0.1", "port": port, "username": "root"}},
        "drivers": {
            "QEMUDriver": {
                "qemu_bin": "qemu",
                "machine": "virt",
                "cpu": "cortex-a53",
                "memory": "512M",
                "kernel": "host",
                "extra_args": f"-initrd {initrd} {network}",
                "boot_args": f"{image.cmdline} guest_name=host",
            },
            "ShmemQnxHostDriver": {"host_key": "unchecked", "keyfile": str(keys.keyfile), "agent": False},
            "ShmemBoardStrategy": {"boot": [], "boot_seconds": 60.0, "login_seconds": 120.0, "power_cycles": 0},
        },
        "options": {"architecture": "aarch64", "profile": "7.0"},
    }
    path = tmp_path / "target.yaml"
    text = {
        "imports": ["harness.labgrid"],
        "tools": {"qemu": str(_qemu(tmp_path))},
        "images": {"host": str(image.kernel)},
        "targets": {"qemu": target},
    }
    path.write_text(yaml.safe_dump(text, sort_keys=False))
    target = Environment(str(path)).get_target("qemu")
    strategy = target.get_driver("Strategy")
    strategy.host.log = tmp_path / "host.log"
    yield strategy
    strategy.force("off")
    strategy.target.cleanup()


def test_a_host_in_qemu_boots_and_is_used_over_its_console_and_ssh(in_qemu: Any) -> None:
    with within(180, "host in QEMU: shell on its console"):
        in_qemu.transition("shell")
    assert in_qemu.status is BoardStatus.shell
    with pytest.raises(StrategyError) as error:
        in_qemu.transition("ready")
    # SSH is up; what this image has not is the hypervisor.
    assert "# SSH: root@127.0.0.1" in in_qemu.host.log.read_text()
    assert "qvm" in str(error.value.__cause__) or "SFTP" in str(error.value.__cause__), error.value.__cause__
    in_qemu.force("off")
    with within(180, "host in QEMU: shell again after a power cycle"):
        in_qemu.transition("shell")
