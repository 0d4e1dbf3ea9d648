# SPDX-License-Identifier: Apache-2.0
"""The schema of a target file, and the benches that it describes. A check of the file and every run read it here.

What is below ``resources`` and ``drivers`` follows labgrid's classes, see ``harness.target.components``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, Final, NewType

from harness.arch import Arch
from harness.bench.settings import (
    BenchConfig,
    GicLines,
    GuestImage,
    LinuxConfig,
    MmioLocation,
    MmioRange,
    Placement,
    Scope,
    Threshold,
    Way,
)
from harness.errors import UsageError
from harness.provision.images import PROBES, ProbeVariant
from harness.shmem.profile import PROFILES, Profile
from harness.target import values
from harness.target.paths import is_file, is_folder, resolved, templates
from harness.target.problem import Fault, Problem, TargetFileError, Where
from harness.target.reading import document
from harness.target.schema import NotExpectedError, SchemaError, Seconds, named, register, shown, structure
from harness.target.scope.requirements import scope_complaints
from harness.target.scope.thresholds import threshold_complaints

Release = NewType("Release", str)
"""One of the presets; a file may write it as a number."""

_NONE: Final = Release("")
_EMBEDDED: Final = "ShmemEmulatedHostDriver"
_BOOT_SECONDS: Final = Seconds(30.0)
_LINUX_BOOT_SECONDS: Final = Seconds(LinuxConfig.boot_seconds)
_PAGE: Final = 0x1000
_TOP: Final = 1 << 64
_FIRST_LINE: Final = 32
_LAST_LINE: Final = 1019
"""Shared interrupts of a GIC (Arm IHI 0048, section 2.2.1)."""


@dataclass(frozen=True, kw_only=True)
class LinuxOptions:
    """The option ``linux`` as the file has it."""

    recipe: str = ""
    boot_seconds: Seconds = _LINUX_BOOT_SECONDS
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Options:
    """The ``options`` of a target as the file has them."""

    architecture: Arch
    profile: Release
    profile_overrides: Mapping[str, str] = field(default_factory=dict)
    placements: tuple[Placement, ...]
    mmio: tuple[MmioLocation, ...] = ()
    mmio_range: MmioRange | None = None
    gic_lines: GicLines | None = None
    guest_images: tuple[GuestImage, ...]
    ways: tuple[Way, ...]
    templates: str
    boot_seconds: Seconds = _BOOT_SECONDS
    linux: LinuxOptions = LinuxOptions()
    probe_image: ProbeVariant = ""
    beyond: Release = _NONE
    scope: Scope | None = None
    waivers: str = ""
    item: str = ""
    system: str = ""
    policy: str = ""
    thresholds: tuple[Threshold, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TargetKeys:
    """A target as the file has it."""

    resources: Any = field(default_factory=dict)
    drivers: Any = field(default_factory=dict)
    features: tuple[str, ...] = ()
    options: Options


@dataclass(frozen=True, kw_only=True)
class TargetFile:
    """The whole file: labgrid's keys of an environment."""

    imports: tuple[str, ...] = ()
    targets: Mapping[str, TargetKeys]
    options: Mapping[str, Any] = field(default_factory=dict)
    features: tuple[str, ...] = ()
    images: Mapping[str, str] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)
    tools: Mapping[str, str] = field(default_factory=dict)


def benches_of(data: object, base: Path) -> dict[str, BenchConfig]:
    """The benches of a file's data, in the file's order; paths are relative to ``base``. Raises SchemaError."""
    file = structure(data, TargetFile)
    faults = [] if file.targets else [Fault(("targets",), "there are no targets")]
    faults += _common_faults(file)
    for name, target in file.targets.items():
        where = ("targets", name)
        if complaint := values.target_name(name):
            faults.append(Fault(where, f"{name!r} is not a name for a target; expected {complaint}"))
        faults += _empty_features(target.features, (*where, "features"))
        faults += _faults(target.options, (*where, "options"), base)
    if faults:
        raise SchemaError(faults)
    return {name: _bench(name, target, file.features, base) for name, target in file.targets.items()}


def read_benches(config: Any) -> dict[str, BenchConfig]:
    """The benches of a labgrid configuration. Raises UsageError, with the lines, for what it cannot use."""
    try:
        return benches_of(config.data, Path(config.base))
    except SchemaError as error:
        raise UsageError("\n".join(map(str, _placed(Path(config.filename), error.faults)))) from None


def embedded(config: Any, benches: Mapping[str, BenchConfig]) -> dict[str, BenchConfig]:
    """Those of the benches of a labgrid configuration whose guests are processes of this machine."""
    drivers = {name: target.get("drivers", ()) for name, target in config.get_targets().items()}
    return {name: bench for name, bench in benches.items() if any(_EMBEDDED in driver for driver in drivers[name])}


def _placed(path: Path, faults: Sequence[Fault]) -> Iterator[Problem]:
    try:
        found = document.read(path)
    except TargetFileError as error:
        yield from error.problems
    else:
        yield from (found.problem(fault) for fault in faults)


def _bench(name: str, target: TargetKeys, features: Sequence[str], base: Path) -> BenchConfig:
    options, linux = target.options, target.options.linux
    return BenchConfig(
        name=name,
        architecture=options.architecture,
        release=options.profile,
        profile=Profile.load(options.profile, options.profile_overrides),
        features=frozenset(target.features) | frozenset(features),
        placements=options.placements,
        guest_images=options.guest_images,
        ways=options.ways,
        templates=templates(base, options.templates),
        boot_seconds=options.boot_seconds,
        mmio=options.mmio,
        mmio_range=options.mmio_range,
        gic_lines=options.gic_lines,
        beyond=options.beyond,
        scope=options.scope,
        item=options.item.strip(),
        waivers=resolved(base, options.waivers) if options.waivers else None,
        probe_image=options.probe_image,
        system=resolved(base, options.system) if options.system else None,
        policy=resolved(base, options.policy) if options.policy else None,
        linux=LinuxConfig(resolved(base, linux.recipe) if linux.recipe else None, linux.boot_seconds, linux.addresses),
        thresholds=options.thresholds,
    )


def _common_faults(file: TargetFile) -> Iterator[Fault]:
    yield from _empty_features(file.features, ("features",))
    address = file.options.get("coordinator_address", "unnamed")
    if not isinstance(address, str) or not address.strip():
        where = ("options", "coordinator_address")
        yield Fault(where, f"{named(where)} is {shown(address)}; expected HOST or HOST:PORT, a text")


def _empty_features(features: Sequence[str], where: Where) -> Iterator[Fault]:
    for number, feature in enumerate(features):
        if not feature.strip():
            yield Fault((*where, number), f"{named((*where, number))} is {feature!r}; expected a word")


def _faults(options: Options, where: Where, base: Path) -> Iterator[Fault]:
    """What no single kind of value can say."""

    def fault(text: str, *way: str | int) -> Fault:
        return Fault((*where, *way), f"{named((*where, *way))}{text}")

    for name in ("placements", "guest_images", "ways"):
        if not getattr(options, name):
            yield fault(" is []; expected at least one entry", name)
    if "mmio" in options.placements and not options.mmio:
        yield fault(" is missing: the placement mmio needs an address and an interrupt for each device", "mmio")
    for number, complaint in _locations(options.mmio):
        yield fault(complaint, "mmio", number)
    if (span := options.mmio_range) and not (
        0 <= span.first < span.last < _TOP and span.first % _PAGE == 0 == (span.last + 1) % _PAGE
    ):
        yield fault(f" is {span.first:#x} to {span.last:#x}; expected whole pages, the first one first", "mmio_range")
    if (lines := options.gic_lines) and not _FIRST_LINE <= lines.first <= lines.last <= _LAST_LINE:
        what = f"expected INTIDs from {_FIRST_LINE} to {_LAST_LINE}, the first one first"
        yield fault(f" is {lines.first} to {lines.last}; {what}", "gic_lines")
    for name, reading in options.profile_overrides.items():
        try:
            Profile.load(options.profile, {name: reading})
        except UsageError as error:
            yield fault(f": {error.message}; {error.remedy}", "profile_overrides", name)
    if options.probe_image not in PROBES[options.architecture]:
        yield fault(f" is {options.probe_image}, which is not a probe image for {options.architecture}", "probe_image")
    folder = templates(base, options.templates)
    if not options.templates or not is_folder(folder):
        what = f"{folder} is a file, not a folder" if is_file(folder) else f"there is no folder {folder}"
        yield fault(f": {what}", "templates")
    yield from (fault(f": {text}", "scope", *way) for way, text in scope_complaints(options.scope, options.profile))
    yield from (fault(text, "thresholds", *way) for way, text in threshold_complaints(options.thresholds))
    if options.waivers and not is_file(resolved(base, options.waivers)):
        yield fault(f": there is no file {resolved(base, options.waivers)}", "waivers")
    if options.system and not is_folder(resolved(base, options.system)):
        yield fault(f": there is no folder {resolved(base, options.system)}", "system")
    if options.policy and not is_file(resolved(base, options.policy)):
        yield fault(f": there is no file {resolved(base, options.policy)}", "policy")
    linux = options.linux
    if linux.recipe and not is_file(resolved(base, linux.recipe)):
        yield fault(f": there is no recipe {resolved(base, linux.recipe)}", "linux", "recipe")
    for number, address in enumerate(linux.addresses):
        if complaint := values.guest_address(address):
            yield fault(f" is {address!r}; expected {complaint}", "linux", "addresses", number)


def _locations(locations: Sequence[MmioLocation]) -> Iterator[tuple[int, str]]:
    """What is wrong with the locations of memory-mapped devices, each for itself and with those before it."""
    for number, location in enumerate(locations):
        if complaint := values.interrupt(location.intr):
            yield number, f": intr is {location.intr!r}; expected {complaint}"
        for name, address in (("loc", location.loc), ("window", location.window or 0)):
            if not 0 <= address < _TOP or address % _PAGE:
                yield number, f": {name} is {address:#x}; expected the address of a page, a multiple of {_PAGE:#x}"
    for (first, one), (second, other) in combinations(enumerate(locations), 2):
        if one.loc == other.loc:
            yield second, f": loc {other.loc:#x} is used by entry {first + 1} already"
        if one.intr == other.intr:
            yield second, f": intr {other.intr} is used by entry {first + 1} already"
        if one.window is not None and one.window == other.window:
            yield second, f": window {other.window:#x} is used by entry {first + 1} already"


def _release(value: object, _cls: object) -> Release:
    if isinstance(value, bool) or not isinstance(value, str | float) or str(value) not in PROFILES:
        raise NotExpectedError(f"one of: {', '.join(PROFILES)}")
    return Release(str(value))


register(Release, _release)
