# SPDX-License-Identifier: Apache-2.0
"""Which requirements the names of a start give evidence for."""

from __future__ import annotations

from typing import Final

from suites.names.lists import Start

REQUIREMENTS: Final[dict[Start, tuple[str, ...]]] = {
    "patterns": (
        "SHM-PROF-02", "SHM-PROF-01", "SHM-PROF-04", "SHM-ALLOW-02", "SHM-ALLOW-03", "SHM-ALLOW-04", "SHM-ALLOW-05",
        "SHM-DENY-01", "SHM-DENY-02", "SHM-DENY-04", "SHM-STAT-03", "SHM-FACT-09", "SHM-ISOL-02",
    ),
    "lists": (
        "SHM-ALLOW-02", "SHM-ALLOW-03", "SHM-ALLOW-04", "SHM-ALLOW-05", "SHM-ALLOW-06", "SHM-DENY-01", "SHM-DENY-02",
        "SHM-DENY-04", "SHM-PROF-01", "SHM-PROF-04", "SHM-STAT-03", "SHM-FACT-09", "SHM-ISOL-02",
    ),
    "substitutions": (
        "SHM-SUBST-01", "SHM-SUBST-02", "SHM-PROF-03", "SHM-PROF-02", "SHM-PROF-01", "SHM-PROF-04", "SHM-ALLOW-01",
        "SHM-ALLOW-04", "SHM-ALLOW-05", "SHM-DENY-01", "SHM-DENY-02", "SHM-DENY-04", "SHM-STAT-03", "SHM-FACT-09",
        "SHM-ISOL-02",
    ),
}  # fmt: skip
"""What the names of a start give evidence for. A difference that belongs to none of them is reported with the first."""
