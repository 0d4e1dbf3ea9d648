# SPDX-License-Identifier: Apache-2.0
"""The code that a session has loaded, wherever it lies, but for what is installed with Python."""

from __future__ import annotations

import importlib.metadata
import os
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

from harness import shipped
from harness.report.evidence.journal import Began, CodeLoaded, ComponentsRecorded, Entry, FellShort
from harness.report.evidence.model import Source
from harness.report.scope import provenance, sources, surroundings
from harness.report.verdict import shortfalls
from harness.shmem.requirements import CATALOGUE

_SCHEMES: Final = ("stdlib", "platstdlib", "purelib", "platlib", "scripts")
_STANDARD: Final = f"{Path(sysconfig.get_path('stdlib')).resolve()}/"
_SITES: Final = frozenset({"site-packages", "dist-packages"})


def at_begin(config: pytest.Config, entries: Sequence[Entry], suites: Sequence[Path]) -> Iterator[Entry]:
    """What is known when the run begins whose journal has these ``entries``: the environment file, and first code."""
    named = [("environment file", path) for path in surroundings.environment_files(config)]
    named += [("requirements catalogue", path) for path in _own_catalogue(config)]
    yield ComponentsRecorded([provenance.file_component(name, path) for name, path in named])
    yield from _loaded(config, suites, _sources(entries))


def at_end(config: pytest.Config, entries: Sequence[Entry], suites: Sequence[Path]) -> Iterator[Entry]:
    """What is not as it was at the begin, and all code that was loaded."""
    now = sources.of_run(suites)
    if found := list(shortfalls.of_changed(_sources(entries), now)):
        yield FellShort(found)
    yield from _loaded(config, suites, now)


def _own_catalogue(config: pytest.Config) -> list[Path]:
    """The file of requirements, if it is not the harness's own."""
    catalogue: Path = config.getoption("--requirements")
    return [] if catalogue == CATALOGUE else [catalogue.absolute()]


def _sources(entries: Iterable[Entry]) -> list[Source]:
    return next(entry.sources for entry in entries if isinstance(entry, Began))


def _loaded(config: pytest.Config, suites: Sequence[Path], known: Sequence[Source]) -> Iterator[CodeLoaded]:
    files = {file for module in _modules(config) for file in _of_module(module, config.invocation_params.dir)}
    settings = [*surroundings.environment_files(config), *_own_catalogue(config)]
    settings += [config.inipath] if config.inipath else []
    found = sources.of_files(files, {path.resolve() for path in settings}, suites, known)
    if found:
        yield CodeLoaded(found)


def _modules(config: pytest.Config) -> Iterator[ModuleType]:
    """Those that Python knows, and the plugins: pytest lets Python forget a conftest when there is another one."""
    for module in (*sys.modules.values(), *config.pluginmanager.get_plugins()):
        if isinstance(module, ModuleType):
            yield module


def _of_module(module: ModuleType, started_in: Path) -> Iterator[Path]:
    """The file of a module, and the link that led to it, unless it is installed."""
    # Some modules load others when they are asked for what they do not have.
    name = vars(module).get("__file__")
    if not isinstance(name, str) or name.startswith("<"):
        return
    folder, _, base = name.rpartition("/")
    place = _place(folder if folder.startswith("/") else f"{started_in}/{folder}")
    # A distribution has files of the standard library elsewhere, behind links.
    if place.standard:
        return
    known = f"{place.real}{base}"
    if os.path.islink(known):  # noqa: PTH114 - of a thousand modules
        real = Path(known).resolve()
        if not str(real).startswith(_installed()):
            yield from (Path(known), real)
    elif not place.installed:
        yield Path(known)


@dataclass(frozen=True)
class _Place:
    """A folder of modules: its resolved path, with a slash at its end, and what it belongs to."""

    real: str
    standard: bool
    installed: bool


@cache
def _place(folder: str) -> _Place:
    real = f"{Path(folder).resolve()}/"
    standard = real.startswith(_STANDARD) and _SITES.isdisjoint(Path(real).parts)
    return _Place(real, standard, real.startswith(_installed()))


@cache
def _installed() -> tuple[str, ...]:
    """The folders of what comes with Python or was installed into it, each with a slash at its end."""
    places = {sysconfig.get_path(scheme) for scheme in _SCHEMES}
    places |= {f"{sys.base_prefix}/bin", *site.getsitepackages(sorted({sys.prefix, sys.base_prefix}))}
    places |= {site.getusersitepackages()} if site.ENABLE_USER_SITE else set()
    # An environment may use the packages of another one.
    places |= {str(importlib.metadata.distribution("pytest").locate_file(""))}
    places |= {str(shipped.PACKAGE.parent)} if shipped.INSTALLED else set()
    return tuple(f"{Path(place).resolve()}/" for place in places)
