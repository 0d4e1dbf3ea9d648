# SPDX-License-Identifier: Apache-2.0
"""What the interpreter has to be like where a verdict is made."""

from __future__ import annotations

import sys

from harness.errors import UsageError


def refuse_optimised() -> None:
    """Raise UsageError when this interpreter drops assertions: checks of suites would be gone without a word."""
    if sys.flags.optimize:
        raise UsageError(
            "assertions are disabled (-O, -OO or PYTHONOPTIMIZE), and with them checks that a verdict depends on",
            remedy="run without -O and with PYTHONOPTIMIZE unset",
        )
