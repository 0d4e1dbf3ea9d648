# SPDX-License-Identifier: Apache-2.0
"""What pytest loads where the harness is installed (entry point ``pytest11``): benches and report for who wants them.

A session wants them when its environment file (``--lg-env``, or LG_ENV) names the harness. Any other session of the
same Python is left alone: no option, no fixture, no report, and nothing is imported.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

from harness import shipped
from harness.errors import UsageError

_FIXTURES: Final = "fixtures.plugin"
_NAMES_US: Final = "harness."


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Load the plugins of the suites before any conftest; one that names them too changes nothing."""
    _leave_as_it_is(early_config.pluginmanager)
    # The option is labgrid's.
    file = getattr(early_config.known_args_namespace, "lg_env", None) or os.environ.get("LG_ENV")
    if not file or not _is_for_us(Path(file)):
        return
    try:
        shipped.make_importable()
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    manager = early_config.pluginmanager
    from harness.report import recorder

    if not manager.is_registered(recorder):
        manager.register(recorder, recorder.__name__)
    manager.import_plugin(_FIXTURES)


def _leave_as_it_is(manager: pytest.PytestPluginManager) -> None:
    """Keep pytest from rewriting the harness, installed or on PYTHONPATH.

    It has no assertions, pytest would write beside it, and what it judges by would be taken for tests.
    """
    marked: set[str] = getattr(manager.rewrite_hook, "_must_rewrite", set())
    marked.discard(__package__)


def _is_for_us(file: Path) -> bool:
    """Whether an environment file names our drivers. One that nobody can use is ours to refuse in a sentence."""
    try:
        text = file.read_text(errors="replace")
    except OSError:
        return True
    return _NAMES_US in text or not _has_targets(text)


def _has_targets(text: str) -> bool:
    """Whether a text is an environment with targets, in which labgrid finds what it looks for."""
    # Nobody else needs it.
    import yaml

    try:
        top = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError:
        return False
    keys = top.value if isinstance(top, yaml.MappingNode) else []
    targets = next((value for key, value in keys if key.value == "targets"), None)
    found = targets.value if isinstance(targets, yaml.MappingNode) else []
    return bool(found) and all(isinstance(target, yaml.MappingNode) for _, target in found)
