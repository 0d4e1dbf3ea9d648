# SPDX-License-Identifier: Apache-2.0
"""The options of a target, read by the very code that the suites use."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any, Final

from harness.errors import UsageError

_CHECKOUT: Final = Path(__file__).resolve().parents[2]


def read_benches(config: Any) -> Any:
    """``fixtures.settings.read_benches``: the suites' own idea of the benches of a labgrid configuration.

    Fixtures are used from the checkout and are no part of the package. Raises UsageError for options that the suites
    cannot use, and outside of a checkout.
    """
    if not (_CHECKOUT / "fixtures").is_dir():
        raise UsageError(f"there are no fixtures in {_CHECKOUT}", remedy="run this command from a checkout")
    if str(_CHECKOUT) not in sys.path:
        sys.path.append(str(_CHECKOUT))
    settings: Any = importlib.import_module("fixtures.settings")
    return settings.read_benches(config)
