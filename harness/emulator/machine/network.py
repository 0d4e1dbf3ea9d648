# SPDX-License-Identifier: Apache-2.0
"""``vdev virtio-net`` of the emulated host: a network of the guest and this machine alone, or of two guests."""

from __future__ import annotations

import re
from typing import Final

from harness.shmem.config import ConfigError, Vdev

_FORWARD: Final = re.compile(r"tcp:127\.0\.0\.1:(\d{1,5})-:(\d{1,5})")
_CABLE: Final = re.compile(r"unix(-listen)?:(/[^\s,]+)")


def network_arguments(vdev: Vdev, index: int, slot: int) -> list[str]:
    """QEMU's options for the device number ``slot`` of the bus.

    ``hostdev tcp:127.0.0.1:PORT-:GUESTPORT`` makes a port of the guest reachable on loopback. ``hostdev
    unix-listen:PATH`` is one end of a cable to another guest, ``hostdev unix:PATH`` the other end.

    The guest reaches nothing but that: no other machine, no name service.
    """
    for option in vdev.options:
        if option.name not in {"hostdev", "mac", "name"}:
            raise ConfigError("the emulated host cannot do this for virtio-net", option.position, found=option.name)
    network, device = f"user,id=net{index},restrict=on", f"virtio-net-pci,netdev=net{index},addr={slot:x},romfile="
    if (hostdev := vdev.option("hostdev")) is not None:
        text = hostdev.argument or ""
        if cable := _CABLE.fullmatch(text):
            end = "server=on" if cable[1] else "server=off,reconnect-ms=100"
            network = f"stream,id=net{index},addr.type=unix,addr.path={cable[2]},{end}"
        elif _FORWARD.fullmatch(text):
            network += f",hostfwd={text}"
        else:
            raise ConfigError(
                "neither a forwarded port nor a cable",
                hostdev.argument_position,
                found=text,
                expected="tcp:127.0.0.1:PORT-:GUESTPORT, unix:PATH or unix-listen:PATH",
            )
    if mac := vdev.argument("mac"):
        device += f",mac={mac}"
    return ["-netdev", network, "-device", device]
