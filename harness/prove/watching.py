# SPDX-License-Identifier: Apache-2.0
"""A pytest plugin for a session that writes down which lines of the emulated device each of its tests reaches.

Load it beside the plugins of the suites (``-p harness.prove.watching``); ``harness.prove.reach`` reads what it leaves.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import pytest

from harness import events
from harness.emulator.service.client import EmulatedHost
from harness.errors import BenchError
from harness.process.command import path
from harness.prove.hosts import watched
from harness.prove.reach import CASES, Seen
from harness.report.evidence import catalogue
from harness.report.recording.keys import BENCH


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where the record goes."""
    group = parser.getgroup("proving")
    group.addoption("--prove-reach", type=path, metavar="DIR", help="write into DIR which lines each test reaches")


def pytest_configure(config: pytest.Config) -> None:
    """Watch if that is wanted."""
    if config.option.prove_reach:
        config.pluginmanager.register(_Watching(config.option.prove_reach), "prove-watching")


class _Watching:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: list[Seen] = []
        self._hosts: list[EmulatedHost] = []
        self._current = ""
        self._starts = 0
        self._duration_s = 0.0
        self._verdict = ""
        self._patches = pytest.MonkeyPatch()
        self._unsubscribe = events.session.subscribe(self._hear)
        self._watch_hosts()

    def _watch_hosts(self) -> None:
        """Hosts that start from now on write down what they run, and are told what for."""
        os.environ[watched.VARIABLE] = str(self._folder)
        self._patches.setattr(EmulatedHost, "program", watched.__name__)
        start, stop = EmulatedHost.start, EmulatedHost.stop

        def started(host: EmulatedHost) -> None:
            start(host)
            self._hosts.append(host)
            self._tell(host)

        def stopped(host: EmulatedHost) -> None:
            if host in self._hosts:
                self._hosts.remove(host)
            stop(host)

        self._patches.setattr(EmulatedHost, "start", started)
        self._patches.setattr(EmulatedHost, "stop", stopped)

    def _tell(self, host: EmulatedHost) -> None:
        """A host that does not answer is the test's business."""
        with suppress(BenchError), host.client() as client:
            client.inject(self._current)

    def _hear(self, event: events.Event) -> None:
        if isinstance(event, events.Action) and event.what == "start":
            self._starts += 1
        elif isinstance(event, events.CaseEnded):
            self._duration_s, self._verdict = event.duration_s, event.verdict

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Tell all hosts which test begins."""
        self._current, self._starts, self._verdict = item.nodeid, 0, ""
        for host in list(self._hosts):
            self._tell(host)
        result = yield
        facts = item.stash.get(BENCH, None)
        self._seen.append(
            Seen(
                test=item.nodeid,
                requirements=catalogue.requirements_of(item),
                bench=facts.site.bench if facts else "",
                readings=dict(facts.readings) if facts else {},
                duration_s=round(self._duration_s, 3),
                verdict=self._verdict,
                starts=self._starts,
                drawn=item.get_closest_marker("drawn") is not None,
            )
        )
        return result

    def pytest_sessionfinish(self) -> None:
        """Leave the list of tests, in the order in which they ran."""
        self._folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps([asdict(seen) for seen in self._seen], indent=0)
        (self._folder / CASES).write_text(text + "\n")

    def pytest_unconfigure(self) -> None:
        """Leave everything as it was."""
        self._unsubscribe()
        self._patches.undo()
