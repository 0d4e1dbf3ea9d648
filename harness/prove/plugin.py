# SPDX-License-Identifier: Apache-2.0
"""A pytest plugin for sessions that prove: which tests come first, and when it is enough.

Load it together with the plugins of the suites (``-p harness.prove.plugin``).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from harness import events
from harness.prove.groups import MATCHING, matches
from harness.report.evidence import catalogue
from harness.report.evidence.model import Requirement
from harness.report.recording.keys import site
from harness.shmem.requirements import CATALOGUE


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--prove-group`` for a session with a fault, the others for one without."""
    group = parser.getgroup("proving")
    group.addoption(
        "--prove-group",
        choices=sorted(MATCHING),
        metavar="GROUP",
        help="run the tests of the requirements that have to catch faults of this group first, and stop at the first"
        " requirement that fails",
    )
    group.addoption("--prove-tests", type=Path, metavar="FILE", help="run the tests whose ids are the lines of FILE")
    group.addoption("--prove-shuffle", type=int, metavar="SEED", help="run the tests in an order that SEED decides")


def pytest_configure(config: pytest.Config) -> None:
    """Watch the verdicts if the first failure is enough."""
    if config.option.prove_group:
        config.pluginmanager.register(_Enough(), "prove-enough")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what only records, and what is not wanted."""
    known = catalogue.load(CATALOGUE)
    items[:] = [item for item in items if not _only_records(item, known)]
    if config.option.prove_tests:
        wanted = set(config.option.prove_tests.read_text().splitlines())
        items[:] = [item for item in items if item.nodeid in wanted]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Bring the tests into the wanted order, after the fixtures have kept together what plugins tear apart."""
    options, items = session.config.option, session.items
    if options.prove_group:
        group: str = options.prove_group
        items.sort(key=lambda item: not matches(group, catalogue.requirements_of(item)))
    if options.prove_shuffle is not None:
        items[:] = _shuffled(items, random.Random(options.prove_shuffle))


def _only_records(item: pytest.Item, known: dict[str, Requirement]) -> bool:
    """Whether a test only records; an unknown identifier is the recorder's to refuse."""
    kinds = {known[name].kind if name in known else "" for name in catalogue.requirements_of(item)}
    return kinds == {"characterise"}


def _shuffled(items: list[pytest.Item], chance: random.Random) -> list[pytest.Item]:
    """Another order of settings, of modules in a setting, of starts in a module and of tests in a start.

    The tests of a setting stay together, because every change costs a start of all guests and shows nothing new;
    so do the tests of a module that say by a parameter ``start`` that they need the same guests.
    """
    return _by(items, chance, [lambda item: str(site(item)), _module, _start])


def _module(item: pytest.Item) -> str:
    return item.nodeid.split("::")[0]


def _start(item: pytest.Item) -> str:
    """The start that a test belongs to; one without the parameter goes where chance puts it."""
    callspec = getattr(item, "callspec", None)
    return str(callspec.params.get("start", item.nodeid)) if callspec else item.nodeid


def _by(items: list[pytest.Item], chance: random.Random, keys: list[Callable[[pytest.Item], str]]) -> list[pytest.Item]:
    if not keys:
        return chance.sample(items, len(items))
    kept: dict[str, list[pytest.Item]] = {}
    for item in items:
        kept.setdefault(keys[0](item), []).append(item)
    groups = chance.sample(list(kept.values()), len(kept))
    return [item for group in groups for item in _by(group, chance, keys[1:])]


class _Enough:
    """Ends the session after the first requirement that failed. A bench error is no verdict about the device."""

    def __init__(self) -> None:
        self._failed = ""
        self._unsubscribe = events.session.subscribe(self._hear)

    def _hear(self, event: events.Event) -> None:
        if isinstance(event, events.CaseEnded) and event.verdict == "fail" and event.requirements:
            self._failed = event.case

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Look after each test whether it was the last one."""
        result = yield
        if self._failed:
            item.session.shouldfail = f"caught by {self._failed}"
        return result

    def pytest_unconfigure(self) -> None:
        """Stop listening."""
        self._unsubscribe()
