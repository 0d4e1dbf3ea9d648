# SPDX-License-Identifier: Apache-2.0
"""Templates of configurations: jinja2 text whose every value comes out as the configuration language spells it.

``{{ image }}`` is one word of the configuration, or a part of one, whatever characters the path has: outside quotes it
gets quotes where it needs them, inside quotes it is written so that it stays inside. Text that is configuration itself,
such as the ``vdev shmem`` of a test, is of the type ``Text``; in a template the filter ``safe`` makes it so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

import jinja2
from markupsafe import Markup

from harness.narrow import present
from harness.shmem.config.errors import NOWHERE, ConfigError
from harness.shmem.config.words import quote, refuse_controls, show

SUFFIX: Final = ".qvmconf.j2"

Text = Markup
"""Text that is part of a configuration as it is."""

_MARK: Final = "\0"
"""Around the number of a value in text that waits for its values: no configuration has this character."""
_HELD: Final = _MARK
"""The variable that has the values; no template can name it."""
_VALUE: Final = re.compile(rf"{_MARK}(\d+){_MARK}")
_OUTSIDE: Final = re.compile(r'[^\0"#\n]+|.', re.DOTALL)
_INSIDE: Final = re.compile(r'\\["\\]|[^\0"\\]+|.', re.DOTALL)
"""What can be passed over at once, outside and inside quotes: ordinary characters, an escape, any other character."""


def fill(templates: Path, image: str, values: Mapping[str, object]) -> str:
    """The text of the template of a guest image. Raises jinja2.TemplateError, or ConfigError for a value that no
    configuration can hold."""
    held: list[object] = []
    text = _environment(templates).get_template(f"{image}{SUFFIX}").render({**values, _HELD: held})
    return _with_values(text, lambda number: held[number])


@lru_cache(maxsize=16)
def _environment(templates: Path) -> jinja2.Environment:
    """The templates of a folder. To compile one costs as much as to fill it a hundred times."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        finalize=_hold,
    )


@jinja2.pass_context
def _hold(context: jinja2.runtime.Context, value: object) -> str:
    """The mark that stands for a value until its place is known."""
    held: list[object] = context[_HELD]
    held.append(value)
    return f"{_MARK}{len(held) - 1}{_MARK}"


def _with_values(text: str, value_of: Callable[[int], object]) -> str:
    """Put each value in its place, spelled as the place demands."""
    parts: list[str] = []
    quoted = comment = False
    at = 0
    while at < len(text):
        if match := _VALUE.match(text, at):
            value = value_of(int(match[1]))
            parts.append(str(value) if isinstance(value, Text) else _spelled(str(value), quoted, comment))
        else:
            match = present((_INSIDE if quoted else _OUTSIDE).match(text, at))
            char = match[0]
            quoted = quoted != (char == '"' and not comment)
            comment = (comment or (char == "#" and not quoted)) and char != "\n"
            parts.append(char)
        at = match.end()
    return "".join(parts)


def _spelled(text: str, quoted: bool, comment: bool) -> str:
    try:
        if set(text) & set("\r\n"):
            raise ConfigError("line end in a value", NOWHERE)
        refuse_controls(text, NOWHERE)
    except ConfigError:
        raise ConfigError("this value cannot be written in a configuration", NOWHERE, found=show(text)) from None
    if comment or not text:
        return text
    if quoted:
        return _escaped(text)
    # A word that begins with this and has no quotes names a file to read.
    return f'"{_escaped(text)}"' if text.startswith("@") else quote(text)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
