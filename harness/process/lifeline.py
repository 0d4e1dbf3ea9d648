# SPDX-License-Identifier: Apache-2.0
"""How a background process of ours learns that its owner has ended.

The owner holds the other end of a pipe, its lifeline, which closes when the owner ends in any way.
"""

from __future__ import annotations

import asyncio
import os

from harness.process.ending import ENDS


def watch_for_the_end(ending: asyncio.Event, lifeline: int | None) -> None:
    """Set ``ending`` at SIGTERM, SIGINT or SIGHUP, or when the inherited descriptor ``lifeline`` closes."""
    loop = asyncio.get_running_loop()
    for number in ENDS:
        loop.add_signal_handler(number, ending.set)
    if lifeline is None:
        return

    def check() -> None:
        if not os.read(lifeline, 1):
            loop.remove_reader(lifeline)
            ending.set()

    loop.add_reader(lifeline, check)
