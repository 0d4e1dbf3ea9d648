# SPDX-License-Identifier: Apache-2.0
"""What a session left out of its suites, and by what: watched from the first file to the last test.

Files and functions that the suites have are counted on the disk, as pytest finds them without any option. What is
missing among the tests that pytest collected was kept out by an option, a setting, a conftest or a plugin, and so was
what the hooks took away afterwards. The suites' own choice (``fixtures.plugin``: a test that is not meant for a bench)
narrows nothing.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pytest

from harness.report.evidence.model import Narrowing
from harness.report.evidence.rerun import SELECTED_BY
from harness.report.recording.keys import SUITES
from harness.report.recording.rerun import RERUN
from harness.report.scope import surroundings
from harness.report.scope.left_out import FilesLeftOut, Function, functions_below
from harness.report.scope.narrowing import FUNCTIONS, TESTS

_OWN: Final = ("harness.", "fixtures.")
# Functions of pytest's plugin "mark".
_SERVED: Final = {"deselect_by_keyword": "-k", "deselect_by_mark": "-m"}
_UNKNOWN: Final = "a plugin or a conftest"


class Selection:
    """The plugin that watches. ``narrowed`` is complete when the tests have been collected."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._files = FilesLeftOut(config)
        self._collected: dict[str, Function] = {}
        self._removed: dict[str, str] = {}
        self._option: dict[str, str] = {}
        self.narrowed: list[Narrowing] = []

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_ignore_collect(self, collection_path: Path) -> Generator[None, bool | None, bool | None]:
        """Note what is not even looked at."""
        ignored = yield
        if ignored:
            self._files.ignored(collection_path)
        return ignored

    def pytest_pycollect_makemodule(self, module_path: Path) -> None:
        """Note what is read."""
        self._files.read(module_path)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note the files that gave nothing because they broke, or skipped themselves."""
        if not report.passed:
            self._files.gave_nothing(self._config.rootpath / report.nodeid.partition("::")[0], report)

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Note each test that there is."""
        cls = getattr(item, "cls", None)
        name = getattr(item, "originalname", None) or item.name
        self._collected[item.nodeid] = Function(item.path, f"{cls.__qualname__}.{name}" if cls else name)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None]:
        """Note which plugin takes which tests away."""
        with self._watched(items):
            return (yield)

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """One plugin of pytest serves two options; the caller distinguishes them."""
        frame = sys._getframe()
        while frame.f_back is not None:
            frame = frame.f_back
            if frame.f_code.co_name in _SERVED:
                self._option |= dict.fromkeys((item.nodeid for item in items), _SERVED[frame.f_code.co_name])
                return

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Count."""
        kept = {item.nodeid for item in session.items}
        causes = Counter(self._removed.get(test, _UNKNOWN) for test in self._collected if test not in kept)
        self.narrowed += [Narrowing(number, TESTS, "deselected", by) for by, number in causes.items() if by]
        folders = self._config.stash.get(SUITES, None) or surroundings.suites(self._config)
        there = {function for folder in folders for function in functions_below(folder)}
        missing = Counter(map(self._files.cause, sorted(there - set(self._collected.values()))))
        self.narrowed += [Narrowing(number, FUNCTIONS, "not collected", by) for by, number in missing.items() if by]

    def stopped(self, session: pytest.Session, left: int) -> list[Narrowing]:
        """The tests at the end of a session that were left because it was stopped; ``left`` is their number."""
        why = session.shouldfail or session.shouldstop
        if not left or not why:
            return []
        most = self._config.getoption("maxfail", 0)
        if self._config.getoption("stepwise", False):
            by = f"--stepwise ({surroundings.source(self._config, '--sw', '--stepwise', '--sw-skip')})"
        elif most and session.testsfailed >= most:
            spelling = ("-x", "--exitfirst", f"--maxfail={most}", str(most))
            by = f"--maxfail={most} ({surroundings.source(self._config, *spelling)})"
        else:
            by = str(why)
        return [Narrowing(left, TESTS, "not run", by)]

    @contextmanager
    def _watched(self, items: list[pytest.Item]) -> Iterator[None]:
        """While the block runs, record what each hook removes from ``items``."""
        hooks = [hook for hook in self._config.hook.pytest_collection_modifyitems.get_hookimpls() if not hook.wrapper]
        functions = [hook.function for hook in hooks]
        for hook in hooks:
            # A hook of pluggy says in its type that its function never changes.
            setattr(hook, "function", self._noting(hook.function, hook.plugin_name, items))  # noqa: B010
        try:
            yield
        finally:
            for hook, function in zip(hooks, functions, strict=True):
                setattr(hook, "function", function)  # noqa: B010

    def _noting(self, function: Callable[..., Any], plugin: str, items: Sequence[pytest.Item]) -> Callable[..., Any]:
        def noted(*arguments: Any) -> Any:
            before = [item.nodeid for item in items]
            try:
                return function(*arguments)
            finally:
                kept = {item.nodeid for item in items}
                gone = [test for test in before if test not in kept]
                self._removed |= {test: self._cause(self._option.get(test, plugin)) for test in gone}

        return noted

    def _cause(self, server: str) -> str:
        """What a plugin's removal is called, or that of one option of it; empty for the suites' own choice."""
        return "" if server.startswith(_OWN) else self._causes.get(server) or f"the plugin {server}"

    @cached_property
    def _causes(self) -> dict[str, str]:
        """By plugin or option; empty texts for options that were not given."""
        option, config = self._config.getoption, self._config
        keyword, mark, deselected = option("keyword"), option("markexpr"), option("deselect") or []
        return {
            RERUN: SELECTED_BY,
            "-k": f"-k {keyword!r} ({surroundings.source(config, keyword or '-k')})",
            "-m": f"-m {mark!r} ({surroundings.source(config, mark or '-m')})",
            "main": ", ".join(f"--deselect {text} ({surroundings.source(config, text)})" for text in deselected),
            "lfplugin": f"--last-failed ({surroundings.source(config, '--lf', '--last-failed')})",
            "stepwiseplugin": f"--stepwise ({surroundings.source(config, '--sw', '--stepwise', '--sw-skip')})",
        }
