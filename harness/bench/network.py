# SPDX-License-Identifier: Apache-2.0
"""Two Linux guests with a network between them, which streams through ``vdev shmem`` are held against.

They run the same kernel on the same machine as the Linux guests of the embedded benches. Each has a second
``virtio-net``; a socket is the cable between the two. What is measured is TCP, by ``iperf3``.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

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
    """A sender and a receiver, which have their addresses."""

    def __init__(self, guests: Sequence[TrialGuest]) -> None:
        self._guests = guests
        for number, guest in enumerate(guests):
            guest.console.log_in(BOOT_SECONDS)
            self._run(number, f"ip addr add {_ADDRESS.format(number + 1)}/24 dev eth1 && ip link set eth1 up")
        self._run(_RECEIVER, "iperf3 --server --daemon")

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
        lines, status = self._guests[number].console.run(command, _SECONDS)
        if status != 0:
            raise BenchError(f"{self._guests[number].name}: {command!r} ends with status {status}: {lines[-5:]}")
        return "\n".join(lines)


@contextlib.contextmanager
def network_guests(arch: Arch) -> Iterator[NetworkGuests]:
    """Two guests of an architecture; they end with the context."""
    image = linux_image(arch, _RECIPE)
    with trial() as host:
        cable = host.folder / "cable"
        ends = {_SENDER: f"unix:{cable}", _RECEIVER: f"unix-listen:{cable}"}
        yield NetworkGuests(
            [
                host.start(
                    image,
                    f"network{number}",
                    f"vdev virtio-net\n    hostdev {end}\n    mac 52:54:00:00:01:{number:02x}\n",
                )
                for number, end in ends.items()
            ]
        )
