# SPDX-License-Identifier: Apache-2.0
"""Lists of both kinds whose answers distinguish the readings of such lists (SHM-OPEN-01, SHM-OPEN-02)."""

from __future__ import annotations

from typing import Final

COVERING: Final = ("deny neo allow neo*", "allow neo* deny neo", "deny neo* allow neo")
"""Lists in which several rules cover the name 'neo'."""
DECIDES: Final[dict[tuple[bool, ...], str]] = {
    (False, True, False): "first-match",
    (False, False, False): "deny-wins",
    (False, False, True): "most-specific",
    (True, False, True): "last-match",
    (True, True, True): "allow-only",
}
"""Whether 'neo' is granted, list by list of COVERING, and the reading that this shows.

'deny-only' is not here: it permits what 'deny-wins' does with the tail 'allow', so no list distinguishes the two.
"""

OTHERS: Final = ("deny a* allow b*", "allow b* deny a*")
"""Lists in which no rule covers the name 'zeta'."""
TAILS: Final = {(False, False): "deny", (True, True): "allow", (True, False): "first-kind", (False, True): "last-kind"}
"""Whether 'zeta' is granted, list by list of OTHERS, and the reading of the tail that this shows."""
