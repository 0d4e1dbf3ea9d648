# SPDX-License-Identifier: Apache-2.0
"""The catalogue of requirements: what a ``vdev shmem`` must do, statement by statement.

The records stand in ``requirements.sdoc`` next to this module, in the format of StrictDoc: one readable block per
statement, a grammar that the tool checks, and exports (``strictdoc export DIRECTORY``) for those who have it. A run
of the suites needs none of that, so this small reader knows the part of the format that the catalogue uses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast, get_args

from harness.errors import HarnessError
from harness.shmem.profile import PROFILES

OF_SYSTEM: Final = "SHM-SYS-"
"""What begins the ids of requirements of a user's own system, which no release states."""

CATALOGUE: Final = Path(__file__).with_name("requirements.sdoc")

Confidence = Literal["documented", "inferred", "observed", "declared", "open"]
Kind = Literal["judge", "characterise"]

_IDENTIFIER = re.compile(r"[A-Z]+-[A-Z]+-[0-9]{2}")
_FIELD = re.compile(r"([A-Z]+): ?(.*)")
_FIELDS = ("UID", "RELEASES", "CONFIDENCE", "KIND", "SOURCE", "STATEMENT")


@dataclass(frozen=True)
class Requirement:
    """One statement. ``group`` is the heading that it stands under; ``sources`` are titles of documents.

    ``kind`` 'characterise' marks a statement that is recorded and never judged; its confidence is 'open'.
    """

    id: str
    text: str
    sources: tuple[str, ...]
    releases: tuple[str, ...]
    confidence: Confidence
    kind: Kind
    group: str


class CatalogueError(HarnessError):
    """The catalogue cannot be read; the message names the file and the line."""


_Block = tuple[int, str, dict[str, str]]
"""Line of its head, the head in brackets, and the fields of a block."""


def _blocks(lines: list[str], where: str) -> Iterator[_Block]:
    """The blocks of a document: ``[HEAD]`` or ``[[HEAD]]``, then ``NAME: value`` or ``NAME: >>>`` ... ``<<<``."""
    start, head = 0, ""
    fields: dict[str, str] = {}
    numbered = iter(enumerate(lines, 1))
    for number, line in numbered:
        if line.startswith("["):
            if head:
                yield start, head, fields
            start, head, fields = number, line.strip("[]"), {}
            continue
        match = _FIELD.fullmatch(line)
        if match is None:
            if line.strip() and head == "REQUIREMENT":
                raise CatalogueError(f"{where}:{number}: '{line}' is no field")
            continue
        name, value = match[1], match[2].strip()
        if name in fields:
            raise CatalogueError(f"{where}:{number}: field {name} is given twice")
        fields[name] = _long_value(numbered, f"{where}:{number}") if value == ">>>" else value
    if head:
        yield start, head, fields


def _long_value(numbered: Iterator[tuple[int, str]], where: str) -> str:
    """The lines up to ``<<<``, joined."""
    collected: list[str] = []
    for _, line in numbered:
        if line == "<<<":
            return " ".join(collected)
        collected.append(line.strip())
    raise CatalogueError(f"{where}: the text is not closed with <<<")


def _choice(value: str, choices: tuple[str, ...], where: str, name: str) -> str:
    if value not in choices:
        raise CatalogueError(f"{where}: {name} is '{value}'", remedy=f"choose one of {', '.join(choices)}")
    return value


def _requirement(fields: Mapping[str, str], group: str, where: str) -> Requirement:
    missing = [name for name in _FIELDS if not fields.get(name)]
    unknown = [name for name in fields if name not in _FIELDS]
    if missing or unknown:
        problem = f"has no {', '.join(missing)}" if missing else f"has a field {', '.join(unknown)}"
        raise CatalogueError(f"{where}: requirement {problem}", remedy=f"the fields are {', '.join(_FIELDS)}")
    identifier = fields["UID"]
    if _IDENTIFIER.fullmatch(identifier) is None:
        raise CatalogueError(f"{where}: '{identifier}' is no identifier", remedy="write one such as SHM-ALLOW-01")
    releases = tuple(_choice(item, tuple(PROFILES), where, "RELEASES") for item in fields["RELEASES"].split(", "))
    confidence = cast(Confidence, _choice(fields["CONFIDENCE"], get_args(Confidence), where, "CONFIDENCE"))
    kind = cast(Kind, _choice(fields["KIND"], get_args(Kind), where, "KIND"))
    if (confidence == "open") != (kind == "characterise"):
        raise CatalogueError(f"{where}: a requirement is characterised exactly when its confidence is open")
    sources = tuple(fields["SOURCE"].split("; "))
    return Requirement(identifier, fields["STATEMENT"], sources, releases, confidence, kind, group)


def load_requirements(path: Path = CATALOGUE) -> dict[str, Requirement]:
    """The requirements by identifier, in the order of the catalogue. Raises CatalogueError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"cannot read the catalogue of requirements: {error}") from error
    found: dict[str, Requirement] = {}
    group = ""
    for line, head, fields in _blocks(lines, str(path)):
        where = f"{path}:{line}"
        if head == "SECTION":
            group = fields.get("TITLE", "")
        elif head == "REQUIREMENT":
            requirement = _requirement(fields, group, where)
            if requirement.id in found:
                raise CatalogueError(f"{where}: requirement {requirement.id} is given twice")
            found[requirement.id] = requirement
    return found
