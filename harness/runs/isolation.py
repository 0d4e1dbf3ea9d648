# SPDX-License-Identifier: Apache-2.0
"""Isolates the sessions that our commands start from their surroundings.

A qualification is what its own command line and the suites say. A variable in a shell profile, a plugin that a team
has installed, or a forgotten file of settings would otherwise narrow it or change its verdicts, and the next
machine would find something else. Who wants those runs pytest.
"""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

_VARIABLES: Final = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")
_NEEDED: Final = ("labgrid.pytestplugin", "harness.pytest_plugin")
_PLACES: Final = ("SHMEM_HARNESS_CACHE", "SHMEM_HARNESS_APT_SOURCES", "TMPDIR", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR")
# Plugins that come with what the harness needs, and that change nothing here.
_HARMLESS: Final = ("labgrid", "harness.pytest_plugin", "hypothesispytest", "platformdirs")
_SETTINGS: Final = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini")
_SETTINGS_OF_A_FOLDER: Final = (*_SETTINGS, "pyproject.toml", "tox.ini", "setup.cfg")


def environment() -> dict[str, str]:
    """The variables of this process without those that give pytest options or plugins.

    A session runs in another folder than its command, so paths that are relative to that become whole.
    """
    kept = {name: value for name, value in os.environ.items() if name not in _VARIABLES}
    kept |= {name: os.path.abspath(kept[name]) for name in _PLACES if kept.get(name)}  # noqa: PTH100
    return kept | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def options(checkout: Path, suites: Sequence[Path]) -> list[str]:
    """Options for pytest. Suites of other places than the checkout keep their own settings and conftests."""
    given = [word for plugin in _NEEDED for word in ("-p", plugin)]
    if _ours(checkout, suites):
        given += ["-c", str(checkout / "pyproject.toml"), "--rootdir", str(checkout)]
        given += ["--confcutdir", str(checkout / "suites")]
    return given


def ignored(checkout: Path, suites: Sequence[Path]) -> list[str]:
    """What is there and takes no effect, to be said."""
    return list(_ignored(checkout, suites))


def _ignored(checkout: Path, suites: Sequence[Path]) -> Iterator[str]:
    yield from (f"{name}={os.environ[name]}" for name in _VARIABLES if os.environ.get(name))
    plugins = {entry.name for entry in importlib.metadata.entry_points(group="pytest11")} - set(_HARMLESS)
    if plugins:
        yield f"the installed pytest plugins {', '.join(sorted(plugins))}"
    if _ours(checkout, suites):
        files = [checkout / name for name in (*_SETTINGS, "conftest.py")]
        files += [checkout / "suites" / name for name in _SETTINGS_OF_A_FOLDER]
        yield from (str(file) for file in files if file.is_file())


def _ours(checkout: Path, suites: Sequence[Path]) -> bool:
    return all(suite.is_relative_to(checkout / "suites") for suite in suites)
