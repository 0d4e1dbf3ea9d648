# SPDX-License-Identifier: Apache-2.0
"""Where the project's own suites, fixtures, targets and benches are. No other module knows.

They lie next to this package in a checkout, and below it in a package that was built from one (``setup.py``), because
the names ``fixtures`` and ``suites`` in ``site-packages`` would be those of others.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from harness.errors import UsageError

PACKAGE: Final = Path(__file__).resolve().parent
"""The folder of this package."""

_BUILT: Final = PACKAGE / "_shipped"
_COMMIT: Final = "COMMIT"

INSTALLED: Final = _BUILT.is_dir()
"""Whether the harness runs from a built package and not from a checkout. Nothing is written there."""

ROOT: Final = _BUILT if INSTALLED else PACKAGE.parent
"""The folder that holds the ones below: the checkout, or their copy in the built package."""

SUITES: Final = ROOT / "suites"
TARGETS: Final = ROOT / "targets"
BENCHES: Final = ROOT / "boards.yaml"
SETTINGS: Final = ROOT / "pyproject.toml"
"""pytest's settings for the suites are in it."""


def built_from() -> str:
    """The commit that the package was built from, empty where the builder did not know it."""
    file = _BUILT / _COMMIT
    return file.read_text().strip() if file.is_file() else ""


def make_importable() -> None:
    """Let ``import fixtures`` find ours. Raises UsageError when another package of that name is in use already."""
    other = sys.modules.get("fixtures")
    found = getattr(other, "__file__", None) or ""
    if other is not None and Path(found).resolve().parent != ROOT / "fixtures":
        raise UsageError(
            f"another package with the name fixtures is in use: {found or other}",
            remedy="rename it if it is yours, or use a virtual environment without it",
        )
    if str(ROOT) not in sys.path[:1]:
        sys.path.insert(0, str(ROOT))
