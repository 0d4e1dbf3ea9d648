# SPDX-License-Identifier: Apache-2.0
"""Progress messages of the provisioning.

They go to the standard error, so that the output of a command stays clean for a pipe. Nothing is printed when
everything is in the cache already.
"""

from __future__ import annotations

import sys


def notice(text: str) -> None:
    """Print one line for the person who waits."""
    print(f"provision: {text}", file=sys.stderr, flush=True)
