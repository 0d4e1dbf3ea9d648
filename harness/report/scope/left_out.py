# SPDX-License-Identifier: Apache-2.0
"""Test functions that the suites have on the disk and a session did not collect: why not."""

from __future__ import annotations

import ast
import fnmatch
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from harness.report.scope import surroundings

_FILES: Final = ("test_*.py", "*_test.py")
_FUNCTIONS: Final = "test"
_CLASSES: Final = "Test"
_UNSEEN: Final = ("__pycache__", "venv", "node_modules")


class Function(NamedTuple):
    """A test function, that of a class with the class before it."""

    file: Path
    name: str
    hidden: int = 0
    """The line, where a later one of the same name takes its place and it never runs."""


def functions_below(folder: Path) -> Iterator[Function]:
    """All test functions of a folder or file, by pytest's default rules."""
    if folder.is_file():
        yield from _functions(folder)
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not _is_passed_over(Path(parent, name))]
        for name in files:
            if any(fnmatch.fnmatch(name, pattern) for pattern in _FILES):
                yield from _functions(Path(parent) / name)


def _is_passed_over(folder: Path) -> bool:
    return folder.name.startswith(".") or folder.name in _UNSEEN or (folder / "pyvenv.cfg").exists()


def _functions(file: Path) -> Iterator[Function]:
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        # pytest has told about it.
        return
    seen: set[str] = set()
    for name, line in reversed(list(_tests(tree.body))):
        yield Function(file, name, line if name in seen else 0)
        seen.add(name)


def _tests(body: list[ast.stmt]) -> Iterator[tuple[str, int]]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name.startswith(_FUNCTIONS) and not any(
                "fixture" in ast.dump(each) for each in node.decorator_list
            ):
                yield node.name, node.lineno
        elif isinstance(node, ast.ClassDef) and node.name.startswith(_CLASSES):
            yield from ((f"{node.name}.{name}", line) for name, line in _tests(node.body))


class FilesLeftOut:
    """Remembers what pytest does with each file, to say later why it gave no tests."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._ignored: set[Path] = set()
        self._read: set[Path] = set()
        self._nothing: dict[Path, str] = {}

    def ignored(self, path: Path) -> None:
        """A file or folder that pytest is configured to ignore."""
        self._ignored.add(path)

    def read(self, path: Path) -> None:
        """A file that pytest makes a module of."""
        self._read.add(path)

    def gave_nothing(self, path: Path, report: pytest.CollectReport) -> None:
        """A file that failed, which is reported elsewhere, or one that skipped itself."""
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
        self._nothing[path] = f"the file itself: {reason}" if report.skipped else ""

    def cause(self, function: Function) -> str:
        """Why a function is not among the tests; empty when the report shows it already."""
        if function.hidden:
            where = f"{self._shown(function.file)}:{function.hidden}"
            return f"a later function of the same name ({function.name} in {where})"
        if function.file in self._nothing:
            return self._nothing[function.file]
        for path in [function.file, *function.file.parents]:
            if path in self._ignored:
                return self._why_ignored(path)
        if not any(function.file.is_relative_to(path) for path, _ in self._arguments()):
            return self._paths()
        if function.file not in self._read:
            return self._setting("python_files", list(_FILES)) or _UNKNOWN_HOOK.format("pytest_collect_file")
        if any(function.file == path and names for path, names in self._arguments()):
            return self._paths()
        if self._config.getoption("lf", False):
            return f"--last-failed ({surroundings.source(self._config, '--lf', '--last-failed')})"
        settings = [self._setting("python_functions", [_FUNCTIONS]), self._setting("python_classes", [_CLASSES])]
        return " and ".join(filter(None, settings)) or _UNKNOWN_HOOK.format("pytest_pycollect_makeitem")

    def _why_ignored(self, path: Path) -> str:
        here = self._config.invocation_params.dir
        for text in self._config.getoption("ignore") or []:
            if Path(os.path.abspath(here / text)) == path:  # noqa: PTH100
                return f"--ignore {text} ({surroundings.source(self._config, text)})"
        for text in self._config.getoption("ignore_glob") or []:
            if fnmatch.fnmatch(str(path), os.path.abspath(here / text)):  # noqa: PTH100
                return f"--ignore-glob {text} ({surroundings.source(self._config, text)})"
        if path.is_dir() and any(fnmatch.fnmatch(path.name, text) for text in self._config.getini("norecursedirs")):
            if "norecursedirs" in self._config.inicfg or self._override("norecursedirs"):
                return self._setting("norecursedirs", [])
            return f"pytest, which passes over folders named '{path.name}' (norecursedirs)"
        for conftest in surroundings.conftests(self._config):
            for name in ("collect_ignore", "collect_ignore_glob"):
                if path.is_relative_to(conftest.parent) and _lists(self._config, conftest, name):
                    return f"{name} in {self._shown(conftest)}"
        return _UNKNOWN_HOOK.format("pytest_ignore_collect")

    def _setting(self, name: str, usual: list[str]) -> str:
        """A setting with its place, unless it is as usual."""
        value: Any = self._config.getini(name)
        if list(value) == usual:
            return ""
        override = self._override(name)
        where = (
            surroundings.source(self._config, override) if override else f"in {self._config.inipath or 'a conftest'}"
        )
        return f"{name} = {' '.join(value)} ({where})"

    def _override(self, name: str) -> str:
        """The command line's word that sets it; empty when there is none."""
        given = self._config.getoption("override_ini") or []
        return next((text for text in given if text.startswith(f"{name}=")), "")

    def _arguments(self) -> Iterator[tuple[Path, str]]:
        """The files and folders that the session was asked for, each with the names of tests in it."""
        here = self._config.invocation_params.dir
        for argument in self._config.args:
            path, _, names = str(argument).partition("::")
            yield Path(os.path.abspath(here / path)), names  # noqa: PTH100

    def _paths(self) -> str:
        given = [str(argument) for argument in self._config.args]
        if self._config.args_source is pytest.Config.ArgsSource.TESTPATHS:
            return f"testpaths in {self._config.inipath}"
        if self._config.args_source is pytest.Config.ArgsSource.INVOCATION_DIR:
            return f"the folder in which pytest was started: {self._config.invocation_params.dir}"
        return f"the paths that were asked for: {', '.join(given)} ({surroundings.source(self._config, *given)})"

    def _shown(self, path: Path) -> str:
        root = self._config.rootpath
        return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


_UNKNOWN_HOOK: Final = "a plugin or a conftest ({})"


def _lists(config: pytest.Config, conftest: Path, name: str) -> bool:
    modules = [
        plugin for plugin in config.pluginmanager.get_plugins() if getattr(plugin, "__file__", "") == str(conftest)
    ]
    return any(getattr(module, name, None) for module in modules)
