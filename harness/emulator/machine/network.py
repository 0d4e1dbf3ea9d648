# SPDX-License-Identifier: Apache-2.0
"""``vdev virtio-net`` of the emulated host: a network of the guest and this machine alone."""

from __future__ import annotations

import re
from typing import Final

from harness.shmem.config import ConfigError, Vdev

_FORWARD: Final = re.compile(r"tcp:127\.0\.0\.1:(\d{1,5})-:(\d{1,5})")


def network_arguments(vdev: Vdev, index: int, slot: int) -> list[str]:
    """QEMU's options for the device number ``slot`` of the bus.

    ``hostdev tcp:127.0.0.1:PORT-:GUESTPORT`` makes a port of the guest reachable on loopback.

    The guest reaches nothing but that: no other machine, no name service.
    """
    for option in vdev.options:
        if option.name not in {"hostdev", "mac", "name"}:
            raise ConfigError("the emulated host cannot do this for virtio-net", option.position, found=option.name)
    network, device = f"user,id=net{index},restrict=on", f"virtio-net-pci,netdev=net{index},addr={slot:x},romfile="
    if (forward := vdev.option("hostdev")) is not None:
        if not _FORWARD.fullmatch(forward.argument or ""):
            raise ConfigError(
                "not a forwarded port",
                forward.argument_position,
                found=str(forward.argument),
                expected="tcp:127.0.0.1:PORT-:GUESTPORT",
            )
        network += f",hostfwd={forward.argument}"
    if mac := vdev.argument("mac"):
        device += f",mac={mac}"
    return ["-netdev", network, "-device", device]
