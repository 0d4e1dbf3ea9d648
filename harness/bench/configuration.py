# SPDX-License-Identifier: Apache-2.0
"""The configuration text of one guest: the bench's template for its image, with the shared memory of the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from harness.bench.settings import MmioLocation
from harness.errors import BenchError, UsageError
from harness.shmem.config import ConfigError, ShmemVdev, VmConfig, parse, render, shmems_of
from harness.shmem.config.template import SUFFIX, Text, fill

Options = str | tuple[str, ...]
"""What a guest's shared memory is: the options of its ``vdev shmem``, or of each of several, or ``Verbatim`` text."""


@dataclass(frozen=True)
class On:
    """A guest with another image than the test's setting has: ``On("probe", "allow data*")``.

    ``system`` is its name, where that is not guest0, guest1, ...
    """

    image: str
    options: Options
    system: str = ""


class Verbatim(str):
    """The text of a guest's one ``vdev shmem``, exactly as qvm is to read it.

    ``{location}`` in it stands for the options of a memory-mapped device, and for nothing where the test runs on PCI.
    """

    __slots__ = ()


@dataclass(frozen=True)
class Shmem:
    """The ``vdev shmem`` of a guest: typed, and as text (canonical, one option per line, unless it is verbatim)."""

    vdevs: tuple[ShmemVdev, ...]
    text: str

    @property
    def vdev(self) -> ShmemVdev:
        """The first of them; most guests have one."""
        return self.vdevs[0]


def shmem(options: Options, mmio_locations: Sequence[MmioLocation] = ()) -> Shmem:
    """The shared memory that ``options`` describe, written as in a configuration (``allow a* deny b``).

    A vdev without a ``loc`` of its own gets the next of ``mmio_locations``; without any, all vdevs are on PCI.
    Raises UsageError for text that is not the options of one vdev, and when there are fewer locations than vdevs.
    """
    if isinstance(options, Verbatim):
        text = verbatim(options, mmio_locations)
        return Shmem(tuple(shmems_of(parse(text, file="options"))), text)
    free = iter(mmio_locations)
    vdevs = []
    for number, words in enumerate((options,) if isinstance(options, str) else options):
        vdev = _one(words)
        if mmio_locations and shmems_of(vdev)[0].loc is None:
            here = next(free, None)
            if here is None:
                raise UsageError(f"the bench has no location (mmio) for memory-mapped device number {number}")
            vdev = _one(f"{here.options} {words}")
        vdevs.append(vdev)
    text = "".join(render(vdev) for vdev in vdevs)
    return Shmem(tuple(shmems_of(vdev)[0] for vdev in vdevs), text)


def verbatim(text: str, mmio_locations: Sequence[MmioLocation]) -> str:
    """The text, with ``{location}`` replaced by the options of the first location, or by nothing."""
    return text.replace("{location}", mmio_locations[0].options if mmio_locations else "")


def _one(options: str) -> VmConfig:
    """A configuration of nothing but one vdev. Raises UsageError."""
    try:
        config = parse(f"vdev shmem {options}", file="options")
        shmems_of(config)
    except (ConfigError, ValueError) as error:
        raise UsageError(f"not the options of one vdev shmem: {options!r}: {error}") from error
    for remark in config.not_understood:
        raise UsageError(f"not the options of one vdev shmem: {options!r}: {remark.text}")
    if len(config.vdevs) > 1 or config != VmConfig(vdevs=config.vdevs):
        raise UsageError(f"more than the options of one vdev shmem: {options!r}")
    return VmConfig(vdevs=config.vdevs)


def configuration_text(
    templates: Path, guest_image: str, *, shmem: str, check: bool = True, **variables: object
) -> str:
    """The text that qvm gets for one guest.

    ``shmem`` and ``variables`` are those of the template (docs/benches.md). Raises BenchError when the template is
    missing or broken, or leaves ``shmem`` out, or, with ``check``, when its result is not a configuration or has other
    ``vdev shmem``, because a guest would run with other rules than those that are judged.
    """
    name = f"{guest_image}{SUFFIX}"
    try:
        text = fill(templates, guest_image, {**variables, "shmem": Text(shmem)})
        if check:
            _check_shmem(parse(text, file=str(templates / name)), shmem, templates / name)
    except jinja2.TemplateNotFound:
        raise BenchError(f"there is no template {templates / name}", remedy="docs/benches.md shows one") from None
    except (jinja2.TemplateError, ConfigError) as error:
        raise BenchError(f"template {templates / name}: {error}") from error
    if shmem not in text:
        raise _leaves_out(templates / name)
    return text


def _check_shmem(made: VmConfig, shmem: str, template: Path) -> None:
    """Raise BenchError unless a configuration has the wanted ``vdev shmem`` and no others."""
    wanted = shmems_of(parse(shmem, file="shmem"))
    found = shmems_of(made)
    if len(found) > len(wanted):
        raise BenchError(
            f"template {template} has a vdev shmem of its own, so its guests would have other rules than the tests say",
            remedy="take it out; the tests bring theirs by {{ shmem }}",
        )
    if found != wanted:
        raise _leaves_out(template)


def _leaves_out(template: Path) -> BenchError:
    return BenchError(
        f"template {template} leaves out the vdev shmem that the tests want, or changes it",
        remedy="put {{ shmem }} on a line of its own (docs/benches.md shows a template)",
    )
