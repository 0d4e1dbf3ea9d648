# SPDX-License-Identifier: Apache-2.0
"""What all tests of the harness need."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from harness.report.recording import interrupt
from tests import programs


def pytest_configure(config: pytest.Config) -> None:
    """SIGTERM and SIGHUP end a run as Ctrl-C does: what the tests have started is ended before."""
    if not config.pluginmanager.has_plugin(interrupt.NAME):
        # A run of the suites has its own, and comes here when the path that it was given does not exist.
        config.pluginmanager.register(interrupt.InterruptKeeper(), interrupt.NAME)
    if "not long" in config.option.markexpr:
        # The same examples each time, so that a test that fails is about the change. The long tests draw new ones.
        settings.register_profile("same-examples", derandomize=True)
        settings.load_profile("same-examples")
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        # By nohup. The tests still do not end by it; the programs that they start would inherit what is ignored, but
        # not what has a handler.
        signal.signal(signal.SIGHUP, lambda *_: None)


@pytest.fixture(autouse=True)
def _programs_end() -> Iterator[None]:
    """What a test has started ends with it. Fixtures of a wider scope end what is theirs."""
    with programs.ending():
        yield
