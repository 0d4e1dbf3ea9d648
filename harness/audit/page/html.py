# SPDX-License-Identifier: Apache-2.0
"""Writes the page: one file without scripts, whose picture stays right where a content policy blocks styles."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import jinja2

from harness.audit.audit import Audit
from harness.audit.names.describe import spelled
from harness.audit.page.picture import picture
from harness.audit.text import verdict
from harness.errors import UsageError
from harness.shmem.registers import PAGE_SIZE


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("harness.audit.page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["spelled"] = spelled
    return environment


def page(found: Audit) -> str:
    """The page of an audit."""
    analysis = found.analysis
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            found=found,
            analysis=analysis,
            verdict=verdict(found),
            picture=None if analysis is None else picture(found, analysis),
            page_size=PAGE_SIZE,
        )
    )


def drawing(found: Audit) -> str:
    """The picture alone, as a file of its own. The system must be one that could be looked at."""
    if found.analysis is None:
        raise ValueError("nothing is known about the system")
    return _environment().get_template("picture.svg.j2").render(picture=picture(found, found.analysis))


def write_page(path: str, found: Audit) -> None:
    """Write the page into a file. Raises UsageError where it cannot be written."""
    try:
        Path(path).write_text(page(found), encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write the page '{path}': {error.strerror}", remedy="name a file in a folder that is there"
        ) from error
