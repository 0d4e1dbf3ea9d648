# SPDX-License-Identifier: Apache-2.0
"""What all tests of the harness need."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Ctrl-C must mean something to what the tests start: a shell that starts jobs in the background turns it off."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
