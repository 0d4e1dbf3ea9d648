# SPDX-License-Identifier: Apache-2.0
"""Guest configuration templates of a target: filled in with plausible values, and read as qvm would."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import jinja2

from harness.arch import Arch
from harness.bench.settings import BenchConfig
from harness.provision.images import PROBE_STARTS
from harness.shmem.config import ConfigError, Position, VmConfig, doubts, parse
from harness.shmem.config.template import SUFFIX, Text, fill
from harness.shmem.config.validate import validate
from harness.target.paths import is_file
from harness.target.problem import Problem

_VARIABLES: Final = {
    "system": "guest0",
    "image": "/data/guest.elf",
    "initrd": "/data/initrd.cpio",
    "cmdline": "quiet",
    "console": "/dev/ptyp0",
    "port": "",
}
_CONTROLLERS: Final[Mapping[Arch, str]] = {"x86_64": "apic", "aarch64": "gic"}
"""The interrupt controller that a guest's machine has without a word in its configuration."""


def problems(bench: BenchConfig, locations: Sequence[str]) -> Iterator[Problem]:
    """What is wrong with the templates of a bench's guest images.

    ``locations`` are the options of memory-mapped devices, empty for PCI; a configuration is tried with each.
    """
    for image in bench.guest_images:
        file = bench.templates / f"{image}{SUFFIX}"
        if not is_file(file):
            yield Problem(str(file), 1, f"there is no template for the guest image {image}")
            continue
        for location in locations:
            found = _problems(file, bench, image, location)
            yield from found
            if found:
                break


def _problems(file: Path, bench: BenchConfig, image: str, location: str) -> list[Problem]:
    """What is wrong with one template for one location: an error that ends the reading, what a release refuses, or
    else every doubt."""
    try:
        text = fill(bench.templates, image, {**_VARIABLES, "shmem": Text(f"vdev shmem\n    {location}\n    allow *\n")})
    except jinja2.TemplateSyntaxError as error:
        return [Problem(str(file), error.lineno, f"template: {error.message}")]
    except jinja2.TemplateError as error:
        return [Problem(str(file), _line_of(file, error), f"template: {error.message}")]
    except Exception as error:
        # A template is a program: it may divide by zero, include itself without an end, or be no text at all.
        return [Problem(str(file), _line_in(file, error), f"template: {type(error).__name__}: {error}")]
    try:
        config = parse(text, file=str(file))
    except ConfigError as error:
        return [_problem(file, text, error.position, error.description)]
    if complaints := validate(config, bench.profile):
        return [_problem(file, text, complaint.position, complaint.description) for complaint in complaints]
    wrong = list(_of_other_machines(config, bench.architecture))
    if image == "probe" and not wrong:
        wrong += _memory_elsewhere(config, bench)
    return [_problem(file, text, position, words) for position, words in wrong] + [
        _problem(file, text, remark.position, remark.text, warning=True)
        for remark in (*config.remarks, *doubts(config, bench.profile))
    ]


def _problem(file: Path, text: str, position: Position, words: str, *, warning: bool = False) -> Problem:
    """A problem of the filled-in ``text``, with the line that it is about."""
    shown = text.splitlines()[position.line - 1].strip() if position.line else ""
    return Problem(str(file), position.line, f"{words} (filled in: {shown!r})", warning=warning)


def _of_other_machines(config: VmConfig, architecture: Arch) -> Iterator[tuple[Position, str]]:
    """Interrupts of a controller that machines of this architecture do not have."""
    declared = {vdev.name for vdev in config.vdevs}
    for option in (option for vdev in config.vdevs for option in vdev.options if option.name == "intr"):
        for name in {part.partition(":")[0] for part in option.text.split(",")} - declared:
            if name in _CONTROLLERS.values() and name != _CONTROLLERS[architecture]:
                yield option.position, f"a guest of {architecture} has no interrupt controller '{name}'"


def _memory_elsewhere(config: VmConfig, bench: BenchConfig) -> Iterator[tuple[Position, str]]:
    """RAM that does not have the location where the probe's image is to be: the guest would not say a word."""
    start = PROBE_STARTS[bench.probe_image or bench.architecture]
    # Without an address it is for qvm to say where the memory is.
    if not config.rams or any(ram.address is None or 0 <= start - ram.address < ram.length for ram in config.rams):
        return
    words = f"the probe's image is for RAM at {start:#x}, and the guest has none there; see the option probe_image"
    yield config.rams[0].position, words


def _line_in(file: Path, error: Exception) -> int:
    """The line of the template that raised an exception; 1 when it is not known."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno or 1 for frame in reversed(frames) if frame.filename == str(file)), 1)


def _line_of(file: Path, error: jinja2.TemplateError) -> int:
    """The line that has the unknown variable of an UndefinedError."""
    words = (error.message or "").split("'")
    name = words[1] if len(words) > 1 else ""
    lines = file.read_text().splitlines()
    return next((number for number, line in enumerate(lines, 1) if name and name in line and "{" in line), 1)
