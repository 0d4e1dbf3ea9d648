# SPDX-License-Identifier: Apache-2.0
"""The requirements that tests may name, as markers and as the catalogue know them."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from typing import Final

import pytest

from harness.report.model import Requirement

MARKER: Final = "requirement"
_CATALOGUE: Final = "harness.shmem.requirements"
_KINDS: Final = ("judge", "characterise")


def load() -> list[Requirement]:
    """The catalogue; empty as long as the harness has none, and then every id is taken."""
    if importlib.util.find_spec(_CATALOGUE) is None:
        return []
    return [
        Requirement(entry.id, entry.text, entry.source, entry.kind)
        for entry in importlib.import_module(_CATALOGUE).catalogue().values()
    ]


def requirements_of(item: pytest.Item) -> list[str]:
    """The ids that an item is marked with, each once, in the order of the marks."""
    return list(dict.fromkeys(name for mark in item.iter_markers(MARKER) for name in mark.args))


def recorded_only(item: pytest.Item, catalogue: Mapping[str, Requirement]) -> list[str]:
    """Those of the item's requirements that are observed and not judged: by their mark, or by the catalogue."""
    marked = {name for mark in item.iter_markers(MARKER) for name in mark.args if mark.kwargs.get("kind") == _KINDS[1]}
    known = {name for name, requirement in catalogue.items() if requirement.kind == _KINDS[1]}
    return [name for name in requirements_of(item) if name in marked | known]


def check(items: Sequence[pytest.Item], catalogue: Mapping[str, Requirement]) -> None:
    """Raises pytest.UsageError for a mark that is no mark of ours, and for ids that the catalogue does not know."""
    unknown: dict[str, str] = {}
    for item in items:
        for mark in item.iter_markers(MARKER):
            _check_form(item, mark)
        unknown |= {name: item.nodeid for name in requirements_of(item) if catalogue and name not in catalogue}
    if unknown:
        told = "\n".join(f"  {name} ({test})" for name, test in unknown.items())
        raise pytest.UsageError(f"requirements that the catalogue does not know:\n{told}")


def _check_form(item: pytest.Item, mark: pytest.Mark) -> None:
    if not mark.args or not all(isinstance(name, str) and name for name in mark.args):
        raise pytest.UsageError(f"{item.nodeid}: requirement needs the ids of requirements, found {mark.args}")
    if set(mark.kwargs) - {"kind"} or mark.kwargs.get("kind", _KINDS[0]) not in _KINDS:
        raise pytest.UsageError(f"{item.nodeid}: requirement takes kind='judge' or 'characterise', found {mark.kwargs}")
