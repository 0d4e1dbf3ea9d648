# SPDX-License-Identifier: Apache-2.0
"""What a run knows of a bench, and the settings in which its tests run there.

Target files become these records in ``harness.target.benches``, without touching any bench; an embedded bench that no
file describes is made in code (``harness.bench.embedded``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.arch import Arch
from harness.errors import UsageError
from harness.provision.images import ProbeVariant
from harness.shmem.profile import Profile
from harness.site import Site

Placement = Literal["pci", "mmio"]
Trigger = Literal["", "edge", "level"]
GuestImage = Literal["probe", "linux"]
Way = Literal["serial", "ssh"]


@dataclass(frozen=True)
class MmioLocation:
    """Where a memory-mapped device of a guest goes: an address and an interrupt ``PIC:LINE``.

    ``trigger`` is the trigger mode of the line. It is given for a guest that has no device tree: the harness then
    registers the device with the probe. It is empty where the guest finds the device itself. ``window`` is the address
    at which the device shows regions, or None when that is not known.
    """

    loc: int
    intr: str
    trigger: Trigger = ""
    window: int | None = None

    @property
    def options(self) -> str:
        """The options of the ``vdev shmem``."""
        return f"loc {self.loc:#x} intr {self.intr}"

    @property
    def line(self) -> int:
        """The number of the interrupt line."""
        return int(self.intr.rpartition(":")[2], 0)


@dataclass(frozen=True)
class MmioRange:
    """Addresses of a guest, both among them: at any page of these a memory-mapped device may be."""

    first: int
    last: int


@dataclass(frozen=True)
class GicLines:
    """Interrupt ids (INTID) of the GIC of a guest, both among them: any of these may be a device's."""

    first: int
    last: int


@dataclass(frozen=True)
class LinuxConfig:
    """What a bench says of its Linux guests.

    ``recipe`` are the user's additions to the image; ``boot_seconds`` is the longest time from a guest's start to its
    first answer. ``addresses`` are where the guests' SSH servers are reached, the first guest's first; without any, a
    port of this machine is forwarded to each.
    """

    recipe: Path | None = None
    boot_seconds: float = 60.0
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scope:
    """A selection of requirements, which a bench has to judge: ids, or beginnings of them with a ``*``."""

    name: str
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class Threshold:
    """What the figures that ``figure`` names (with a ``*``: all that begin so) have to reach or to stay below.

    With a ``unit`` their values are meant, else their ratios to the reference; with ``block`` those of blocks of that
    many bytes alone.
    """

    figure: str
    block: int | None = None
    unit: str = ""
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True)
class BenchConfig:
    """One target of the environment file, as far as a run cares.

    ``mmio`` are the locations of a guest's memory-mapped devices, the first one first; ``mmio_range`` are addresses at
    which such devices may be as well, ``gic_lines`` the lines that they may have. With ``beyond``, what
    the release ``beyond`` states as well is tried by one test for each requirement. ``probe_image`` is for
    probe guests whose machine is not laid out as QEMU's. ``scope`` is what has to be judged there, without one all that
    is stated for the release; ``waivers`` is the file of the failures that are accepted;
    ``item`` is what its owner adds to the name of what is under test. ``system`` is the folder with the configurations
    of a system that is tried on the bench, and ``policy`` its policy. ``thresholds`` are for figures with many samples.
    """

    name: str
    architecture: Arch
    release: str
    profile: Profile
    features: frozenset[str]
    placements: tuple[str, ...]
    guest_images: tuple[str, ...]
    ways: tuple[str, ...]
    templates: Path
    boot_seconds: float
    mmio: tuple[MmioLocation, ...] = ()
    mmio_range: MmioRange | None = None
    gic_lines: GicLines | None = None
    beyond: str = ""
    linux: LinuxConfig = LinuxConfig()
    scope: Scope | None = None
    waivers: Path | None = None
    item: str = ""
    probe_image: ProbeVariant = ""
    system: Path | None = None
    policy: Path | None = None
    thresholds: tuple[Threshold, ...] = ()

    @property
    def free_lines(self) -> range:
        """The lines of a GIC that devices in memory may have; none where that is not known."""
        return range(self.gic_lines.first, self.gic_lines.last + 1) if self.gic_lines else range(0)

    def ways_of(self, image: str) -> tuple[str, ...]:
        """How guests of an image are talked to: a probe guest has no network, so its one way is the console."""
        return ("serial",) if image == "probe" else self.ways

    @property
    def main_image(self) -> str:
        """The image whose guests try what does not depend on the image: the probe's where the bench has it."""
        return "probe" if "probe" in self.guest_images else self.guest_images[0]


Setting = Site
"""Where and how one test runs: the parameter of every test that uses a bench."""


def select(benches: Mapping[str, BenchConfig], names: Iterable[str]) -> dict[str, BenchConfig]:
    """The benches that ``--bench`` names, in the file's order; all without a name. Raises UsageError for others."""
    wanted = set(names)
    unknown = wanted - benches.keys()
    if unknown:
        raise UsageError(
            f"no bench {', '.join(sorted(unknown))} in the environment file",
            remedy=f"choose one of {', '.join(benches)}",
        )
    return {name: bench for name, bench in benches.items() if not wanted or name in wanted}


def placements_without(benches: Mapping[str, BenchConfig], names: Collection[str]) -> dict[str, list[str]]:
    """The placements of each bench that ``--placement`` leaves out; none without a name. Raises UsageError."""
    known = dict.fromkeys(placement for bench in benches.values() for placement in bench.placements)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(f"no bench has a placement {', '.join(unknown)}", remedy=f"choose one of {', '.join(known)}")
    return {
        name: [placement for placement in bench.placements if names and placement not in names]
        for name, bench in benches.items()
    }


def settings(benches: Iterable[BenchConfig]) -> list[Setting]:
    """Every way in which the tests run, bench by bench."""
    return [
        Site(bench.name, bench.architecture, placement, image, way)
        for bench in benches
        for placement in bench.placements
        for image in bench.guest_images
        for way in bench.ways_of(image)
    ]
