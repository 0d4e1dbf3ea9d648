# SPDX-License-Identifier: Apache-2.0
"""What changes a pytest session in addition to its command line, and where an option of it was given."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

_VARIABLES: Final = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD")
_ENVIRONMENT: Final = "LG_ENV"  # labgrid's, in the place of --lg-env
# Plugins that come with the harness itself.
_EXPECTED: Final = frozenset({"labgrid", "hypothesis", "platformdirs", "shmem-harness"})


def of_session(config: pytest.Config) -> dict[str, str]:
    """The surroundings by name: variables, file of settings with its options, conftests above the suites, plugins."""
    collected = {name: os.environ[name] for name in _VARIABLES if os.environ.get(name)}
    if os.environ.get(_ENVIRONMENT) and not config.getoption("lg_env", default=None):
        collected[_ENVIRONMENT] = os.environ[_ENVIRONMENT]
    if config.inipath is not None:
        collected["ini file"] = str(config.inipath)
    if config.getini("addopts"):
        collected["addopts of the ini file"] = shlex.join(config.getini("addopts"))
    above = [str(path) for path in conftests(config) if path.parent not in suites(config) and _above(config, path)]
    if above:
        collected["conftest files above the suites"] = ", ".join(above)
    installed = {
        distribution.project_name: distribution for _, distribution in config.pluginmanager.list_plugin_distinfo()
    }
    others = [f"{name} {found.version}" for name, found in sorted(installed.items()) if name not in _EXPECTED]
    if others:
        collected["other pytest plugins"] = ", ".join(others)
    return collected


def environment_files(config: pytest.Config) -> list[Path]:
    """The environment file of labgrid, if the session has one: it says which benches there were."""
    given = config.getoption("lg_env", default=None) or os.environ.get(_ENVIRONMENT)
    path = Path(given) if given else None
    return [path] if path and path.is_file() else []


def source(config: pytest.Config, *spellings: str) -> str:
    """Where an option was given that is written in one of these ways, in words."""
    return _given_in(config, lambda word: any(_written(word, spelling) for spelling in spellings))


def source_of_option(config: pytest.Config, *names: str) -> str:
    """Where an option of one of these names was given, with any value."""
    return _given_in(config, lambda word: word.startswith(names))


def _given_in(config: pytest.Config, fits: Callable[[str], bool]) -> str:
    ini = config.inipath.name if config.inipath else "the ini file"
    places: dict[str, Sequence[str]] = {
        "on the command line": [str(argument) for argument in config.invocation_params.args],
        "in PYTEST_ADDOPTS": shlex.split(os.environ.get("PYTEST_ADDOPTS", "")),
        f"in addopts of {ini}": config.getini("addopts"),
    }
    return next((place for place, words in places.items() if any(map(fits, words))), "set by a plugin or a conftest")


def conftests(config: pytest.Config) -> list[Path]:
    """The conftest files that the session has read."""
    return [Path(plugin.__file__) for plugin in _modules(config) if (plugin.__file__ or "").endswith("conftest.py")]  # type: ignore[arg-type]


def suites(config: pytest.Config) -> list[Path]:
    """The folders of the suites: those whose conftest asks for the recorder.

    Without such a conftest, they are the folders and files that the session was asked for.
    """
    asking = [
        Path(plugin.__file__ or "").parent
        for plugin in _modules(config)
        if (plugin.__file__ or "").endswith("conftest.py")
        and "harness.report.recorder" in getattr(plugin, "pytest_plugins", ())
    ]
    return asking or [config.invocation_params.dir / argument.partition("::")[0] for argument in config.args]


def _above(config: pytest.Config, conftest: Path) -> bool:
    return not any(conftest.is_relative_to(place if place.is_dir() else place.parent) for place in suites(config))


def _modules(config: pytest.Config) -> list[ModuleType]:
    plugins: set[Any] = config.pluginmanager.get_plugins()
    return sorted((plugin for plugin in plugins if isinstance(plugin, ModuleType)), key=lambda module: module.__name__)


def _written(word: str, spelling: str) -> bool:
    """Whether a word of a command line is the option or value: ``-kfoo`` and ``--ignore=foo`` end with it."""
    return word == spelling or (word.startswith("-") and word.endswith(spelling))
