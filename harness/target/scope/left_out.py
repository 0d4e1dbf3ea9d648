# SPDX-License-Identifier: Apache-2.0
"""Which tests a bench leaves out, and what it would need for them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from harness.bench.settings import BenchConfig
from harness.host.protocol import HOST_CLIENT, KILLS, PATHS, PULSES, REFERENCES, REGIONS, REPORTS, RESOURCES

CAPABILITIES: Final[Mapping[str, str]] = {
    REGIONS: "tests that compare the host's list of regions with what guests see",
    HOST_CLIENT: "tests with a program of the host as a client of regions (the option 'host_client' names it)",
    PULSES: "tests of the pulses that programs of the host get",
    RESOURCES: "growth of memory, descriptors and mappings in test_balanced_cycles of suites/lifecycle",
    PATHS: "tests of /dev/qvm in suites/host and suites/characterisation",
    REPORTS: "the test of SIGUSR1 in suites/host, and reports in suites/model",
    KILLS: "ends of qvm by SIGKILL in suites/lifecycle and suites/registers",
    REFERENCES: "figures beside other devices of QEMU in suites/performance",
}
"""By what a host would have to be capable of."""
FEATURES: Final[Mapping[str, str]] = {
    "device-tree": "tests of the device tree that a guest gets",
    "performance": "suites/performance",
}
"""By what the key ``features`` of a target would have to list."""
_PLACEMENTS: Final = {"pci": "tests of devices on PCI", "mmio": "tests of memory-mapped devices"}
_IMAGES: Final = {"probe": "nearly all suites", "linux": "suites/linux"}


def left_out(bench: BenchConfig, capabilities: Collection[str]) -> Iterator[str]:
    """A line for each group of tests that a bench leaves out, whose host has these capabilities."""
    having: list[tuple[Mapping[str, str], Collection[str], str]] = [
        (CAPABILITIES, capabilities, "the host lacks the capability"),
        (FEATURES, bench.features, "'features' lacks"),
        (_PLACEMENTS, bench.placements, "'placements' lacks"),
        (_IMAGES, bench.guest_images, "'guest_images' lacks"),
    ]
    for texts, there, why in having:
        yield from (f"{text} ({why} '{name}')" for name, text in texts.items() if name not in there)
