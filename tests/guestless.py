# SPDX-License-Identifier: Apache-2.0
"""For made-up suites whose bodies judge without guests.

Their conftest says that guests were started, and that their tests notice false answers.
"""

from __future__ import annotations

CONFTEST = """
import sys as _sys

from harness import events as _events
from harness.report import recorder as _recorder
from harness.report.recording.keys import site as _site


def pytest_runtest_setup(item):
    if "fixtures.false_answers.known" in _sys.modules:
        _sys.modules["fixtures.false_answers.known"].noticed = lambda file, test: True
    _events.session.emit(_events.Action(what=_events.START, bench=_site(item).bench))


def pytest_sessionfinish(session):
    passed = _recorder.cases(session.config)
    if passed and "fixtures.false_answers.known" not in _sys.modules:
        _recorder.looked_at(session.config, passed)
"""
