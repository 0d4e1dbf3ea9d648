# SPDX-License-Identifier: Apache-2.0
"""Other people's pytest plugins: which of them take tests out of the recorder's sight, or speak for them."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

from harness.report.scope import surroundings

# Options of plugins that run tests in other processes or threads: pytest-xdist, pytest-forked, pytest-parallel.
_ELSEWHERE: Final[dict[str, tuple[str, tuple[str, ...], tuple[object, ...]]]] = {
    "dist": ("pytest-xdist", ("-n", "--numprocesses", "--dist"), (None, "no")),
    "tx": ("pytest-xdist", ("--tx",), (None, [], ())),
    "forked": ("pytest-forked", ("--forked",), (None, False)),
    "workers": ("pytest-parallel", ("--workers",), (None, "", "1")),
    "tests_per_worker": ("pytest-parallel", ("--tests-per-worker",), (None, "", "1")),
}
_OUT_OF_SIGHT: Final = "runs tests that the recorder does not see, so they would be missing from the report"
_REMEDY: Final = "leave it out; `harness qualify` runs benches side by side"


def refuse_runners(config: pytest.Config) -> None:
    """Raises UsageError when an option asks for tests that run elsewhere."""
    for option, (who, names, harmless) in _ELSEWHERE.items():
        if config.getoption(option, default=None) not in harmless:
            where = surroundings.source_of_option(config, *names)
            raise pytest.UsageError(f"{who} ({', '.join(names)} {where}) {_OUT_OF_SIGHT}: {_REMEDY}")


def refuse_sudden_ends(config: pytest.Config) -> None:
    """Raises UsageError when a time limit would end pytest itself, with the status of a requirement that failed."""
    method = config.getoption("timeout_method", default=None) or _setting(config, "timeout_method")
    if method == "thread":
        raise pytest.UsageError(
            "pytest-timeout with the method thread ends pytest without a report: use --timeout-method=signal"
        )
    if _setting(config, "faulthandler_exit_on_timeout"):
        raise pytest.UsageError(
            "faulthandler_exit_on_timeout ends pytest without a report: leave it out, faulthandler_timeout may stay"
        )


def refuse_loops(config: pytest.Config) -> None:
    """Raises UsageError when a plugin has taken the place of pytest's loop over the tests."""
    for hook in config.hook.pytest_runtestloop.get_hookimpls():
        module = _module(hook.plugin)
        wraps = hook.hookwrapper or hook.wrapper
        if not wraps and module.partition(".")[0] not in ("_pytest", "harness"):
            raise pytest.UsageError(f"the plugin {module} {_OUT_OF_SIGHT}: {_REMEDY}")


def who_failed(error: pytest.ExceptionInfo[BaseException], config: pytest.Config) -> str:
    """The plugin that called ``pytest.fail`` in the middle of a test (a time limit), or nothing.

    The suites' own plugins and conftests may fail a test; others know nothing of the device.
    """
    if not isinstance(error.value, pytest.fail.Exception) or not error.traceback:
        return ""
    frames = [entry.frame.f_globals.get("__name__", "") for entry in error.traceback]
    callers = [name for name in frames if name.partition(".")[0] != "_pytest"]
    if not callers:
        return ""
    installed = {
        plugin.__name__
        for plugin in config.pluginmanager.get_plugins()
        if isinstance(plugin, ModuleType) and _installed(plugin, config.rootpath)
    }
    return callers[-1] if callers[-1] in installed else ""


def _installed(plugin: ModuleType, root: Path) -> bool:
    """Whether a plugin comes from elsewhere, and not with the suites or this project."""
    if plugin.__name__.partition(".")[0] in ("harness", "fixtures"):
        return False
    file = Path(plugin.__file__ or "")
    return "site-packages" in file.parts or not file.is_relative_to(root)


def _setting(config: pytest.Config, name: str) -> Any:
    """A setting of the ini file, None when no plugin knows it."""
    try:
        return config.getini(name)
    except ValueError:
        return None


def _module(plugin: Any) -> str:
    return str(plugin.__name__ if isinstance(plugin, ModuleType) else type(plugin).__module__)
