# SPDX-License-Identifier: Apache-2.0
"""For made-up suites whose bodies judge without guests: their conftest says that guests were started."""

from __future__ import annotations

CONFTEST = """
from harness import events as _events
from harness.report.recording.keys import site as _site


def pytest_runtest_setup(item):
    _events.session.emit(_events.Action(what=_events.START, bench=_site(item).bench))
"""
