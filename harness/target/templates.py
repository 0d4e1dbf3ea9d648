# SPDX-License-Identifier: Apache-2.0
"""Guest configuration templates of a target: filled in with plausible values, and read as qvm would."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import jinja2

from harness.shmem.config import ConfigError, parse
from harness.shmem.config.template import SUFFIX, Text, fill
from harness.shmem.config.validate import validate
from harness.shmem.profile import Profile
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


def problems(templates: Path, images: Sequence[str], places: Sequence[str], profile: Profile) -> Iterator[Problem]:
    """What is wrong with the templates of these guest images.

    ``places`` are the options of memory-mapped devices, empty for PCI; a configuration is tried with each.
    """
    for image in images:
        file = templates / f"{image}{SUFFIX}"
        if not is_file(file):
            yield Problem(str(file), 1, f"there is no template for the guest image {image}")
            continue
        for place in places:
            found = _problem(file, templates, image, place, profile)
            if found:
                yield found
                break


def _problem(file: Path, templates: Path, image: str, place: str, profile: Profile) -> Problem | None:
    try:
        text = fill(templates, image, {**_VARIABLES, "shmem": Text(f"vdev shmem\n    {place}\n    allow *\n")})
    except jinja2.TemplateSyntaxError as error:
        return Problem(str(file), error.lineno, f"template: {error.message}")
    except jinja2.TemplateError as error:
        return Problem(str(file), _line_of(file, error), f"template: {error.message}")
    except Exception as error:
        # A template is a program: it may divide by zero, include itself without an end, or be no text at all.
        return Problem(str(file), _line_in(file, error), f"template: {type(error).__name__}: {error}")
    try:
        config = parse(text, file=str(file))
        for complaint in validate(config, profile):
            raise complaint
    except ConfigError as error:
        shown = text.splitlines()[error.position.line - 1].strip() if error.position.line else ""
        return Problem(str(file), error.position.line, f"{error.message.rpartition(': ')[2]} (filled in: {shown!r})")
    return None


def _line_in(file: Path, error: Exception) -> int:
    """The line of the template that an exception passed on its way; 1 when it passed none."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno or 1 for frame in reversed(frames) if frame.filename == str(file)), 1)


def _line_of(file: Path, error: jinja2.TemplateError) -> int:
    """The line that has the unknown variable of an UndefinedError."""
    words = (error.message or "").split("'")
    name = words[1] if len(words) > 1 else ""
    lines = file.read_text().splitlines()
    return next((number for number, line in enumerate(lines, 1) if name and name in line and "{" in line), 1)
