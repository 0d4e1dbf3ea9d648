# SPDX-License-Identifier: Apache-2.0
"""The requirements that tests name with ``@pytest.mark.requirement("SHM-ALLOW-02", ...)``, and their catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from harness.report.evidence.model import Requirement
from harness.shmem.requirements import load_requirements

MARKER: Final = "requirement"


def load(path: Path) -> dict[str, Requirement]:
    """The catalogue in the file ``path`` by id. Raises CatalogueError when it cannot be read."""
    return {
        entry.id: Requirement(
            id=entry.id,
            text=entry.text,
            source="; ".join(entry.sources),
            kind=entry.kind,
            group=entry.group,
            confidence=entry.confidence,
            releases=list(entry.releases),
        )
        for entry in load_requirements(path).values()
    }


def requirements_of(item: pytest.Item) -> list[str]:
    """The ids that an item is marked with, each once, in the order of the marks."""
    return list(dict.fromkeys(name for mark in item.iter_markers(MARKER) for name in mark.args))


def recorded_only(item: pytest.Item, catalogue: Mapping[str, Requirement]) -> list[str]:
    """Those of the item's requirements that are observed and not judged."""
    return [name for name in requirements_of(item) if catalogue[name].kind == "characterise"]


def check(items: Sequence[pytest.Item], catalogue: Mapping[str, Requirement]) -> None:
    """Raises pytest.UsageError for a mark that names nothing, and for ids that the catalogue does not know."""
    unknown: dict[str, str] = {}
    for item in items:
        for mark in item.iter_markers(MARKER):
            if not mark.args or mark.kwargs:
                raise pytest.UsageError(
                    f"{item.nodeid}: the mark requirement takes ids of requirements and nothing else"
                )
        unknown |= {str(name): item.nodeid for name in requirements_of(item) if name not in catalogue}
    if unknown:
        lines = "\n".join(f"  {name} ({test})" for name, test in unknown.items())
        raise pytest.UsageError(f"requirements that are not in the catalogue:\n{lines}")
