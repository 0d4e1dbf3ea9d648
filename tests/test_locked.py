# SPDX-License-Identifier: Apache-2.0
"""The locked versions (tools/locked, made by tools/lock) are those that pyproject.toml asks for. Needs no network."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).parents[1]
PIN = re.compile(r"([\w.-]+)==([\w.!+]+)(?: ; (.+?))? \\$", re.MULTILINE)
OWN = "shmem-harness"


def project() -> dict[str, Any]:
    return tomllib.loads((CHECKOUT / "pyproject.toml").read_text())


def wanted(extra: str = "") -> Iterator[Requirement]:
    """What pyproject.toml asks for, to build and to run, with the requirements of an extra and of those it names."""
    data = project()
    optional: dict[str, list[str]] = data["project"]["optional-dependencies"]
    extras = [extra] if extra else []
    texts = [*data["build-system"]["requires"], *data["project"]["dependencies"]]
    while extras:
        for text in optional[extras.pop()]:
            requirement = Requirement(text)
            if requirement.name == OWN:
                extras += requirement.extras
            else:
                texts.append(text)
    yield from map(Requirement, texts)


def locked(what: str) -> dict[str, str]:
    """Version by name, of what is locked for this Python and machine."""
    text = (CHECKOUT / f"tools/locked/{what}.txt").read_text()
    pins: dict[str, str] = {
        canonicalize_name(name): version
        for name, version, marker in PIN.findall(text)
        if not marker or Requirement(f"{name} ; {marker}").marker.evaluate()  # type: ignore[union-attr]
    }
    assert len(pins) > 20
    return pins


def applying(requirements: Iterable[Requirement], extras: Iterable[str] = ()) -> Iterator[Requirement]:
    for each in requirements:
        if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield each


def needed(roots: Iterable[Requirement]) -> dict[str, list[Requirement]]:
    """All requirements by name, down to the last, as the installed packages state them."""
    found: dict[str, list[Requirement]] = {}
    left = list(applying(roots))
    seen = set()
    while left:
        each = left.pop()
        name = canonicalize_name(each.name)
        found.setdefault(name, []).append(each)
        if (name, *sorted(each.extras)) not in seen:
            seen.add((name, *sorted(each.extras)))
            left += applying(map(Requirement, metadata.requires(name) or ()), each.extras)
    return found


@pytest.mark.parametrize(("what", "extra"), [("runtime", ""), ("dev", "dev")])
def test_the_locked_versions_are_current(what: str, extra: str) -> None:
    """Each requirement is locked and fits, nothing else is, and nothing else is installed. If not: run tools/lock."""
    pins, requirements = locked(what), needed(wanted(extra))
    assert set(pins) == set(requirements)
    for name, all_of_it in requirements.items():
        for requirement in all_of_it:
            assert requirement.specifier.contains(pins[name], prereleases=True), f"{requirement}: locked {pins[name]}"
        assert metadata.version(name) == pins[name], f"{name} is not what is locked: make venv-dev"


@pytest.mark.parametrize("what", ["runtime", "dev"])
def test_what_is_locked_has_a_hash_and_names_no_host(what: str) -> None:
    text = (CHECKOUT / f"tools/locked/{what}.txt").read_text()
    assert "://" not in text
    for block in re.split(r"\n(?=\S)", text)[1:]:
        assert "--hash=sha256:" in block, block
