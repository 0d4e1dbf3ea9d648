# SPDX-License-Identifier: Apache-2.0
"""Two Linux guests with a network between them, which streams through ``vdev shmem`` are held against.

They run the same kernel on the same machine as the Linux guests of the embedded benches. Each has a second
``virtio-net``; a socket is the cable between the two. What is measured is TCP, by ``iperf3``.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any, Final, Self

from harness.arch import Arch
from harness.bench.trial import BOOT_SECONDS, TrialGuest, trial
from harness.errors import BenchError
from harness.provision.linux.image import linux_image
from harness.provision.linux.recipe import BASE

_RECIPE: Final = BASE.parent / "network.toml"
_ADDRESS: Final = "198.51.100.{}"
_SENDER, _RECEIVER = 0, 1
_SECONDS: Final = 60.0


class NetworkGuests:
    """A sender and a receiver; they end with the context."""

    def __init__(self, arch: Arch) -> None:
        self._arch = arch
        self._stack = contextlib.ExitStack()
        self.guests: list[TrialGuest] = []

    def __enter__(self) -> Self:
        try:
            folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="shmem-network-")))
            image = linux_image(self._arch, _RECIPE)
            host = self._stack.enter_context(trial(folder))
            for number in (_SENDER, _RECEIVER):
                end = "unix-listen" if number == _RECEIVER else "unix"
                device = f"vdev virtio-net\n    hostdev {end}:{folder / 'cable'}\n    mac 52:54:00:00:01:{number:02x}\n"
                self.guests.append(host.start(image, f"network{number}", device))
            for number, guest in enumerate(self.guests):
                guest.console.log_in(BOOT_SECONDS)
                self._run(number, f"ip addr add {_ADDRESS.format(number + 1)}/24 dev eth1 && ip link set eth1 up")
            self._run(_RECEIVER, "iperf3 --server --daemon")
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def stream(self, size: int) -> float:
        """Megabytes per second that arrive, of what is sent for a second in pieces of ``size`` bytes.

        A second is the shortest time that iperf3 knows; a connection of so many bytes may end before it looks.
        """
        address = _ADDRESS.format(_RECEIVER + 1)
        options = f"--client {address} --length {size} --time 1 --interval 0 --connect-timeout 5000 --json"
        said = self._run(_SENDER, f"iperf3 {options}")
        try:
            report: dict[str, Any] = json.loads(said)
            return float(report["end"]["sum_received"]["bits_per_second"]) / 8e6
        except (ValueError, KeyError, TypeError) as error:
            raise BenchError(f"iperf3 in a guest says no rate: {said[-500:]}") from error

    def _run(self, number: int, command: str) -> str:
        lines, status = self.guests[number].console.run(command, _SECONDS)
        if status != 0:
            raise BenchError(f"{self.guests[number].name}: {command!r} ends with status {status}: {lines[-5:]}")
        return "\n".join(lines)
