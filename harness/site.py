# SPDX-License-Identifier: Apache-2.0
"""Where something is tried: on which bench, and in which of its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, order=True)
class Site:
    """A bench with its architecture, and a setting of it, in the order of their importance.

    ``placement`` is ``pci`` or ``mmio``, ``guest_image`` what the guests boot (``probe``, ``linux``), ``via`` how they
    are talked to (``serial``, ``ssh``). What does not apply is empty.
    """

    bench: str
    architecture: str
    placement: str
    guest_image: str = ""
    via: str = ""

    @property
    def id(self) -> str:
        """The name in the identifiers of tests."""
        return f"{self.bench}-{self.placement}-{self.guest_image}-{self.via}"

    @property
    def way(self) -> str:
        """All fields but bench and architecture, in one text."""
        return " · ".join(part for part in (self.placement, self.guest_image, self.via) if part)


NOWHERE: Final = Site("", "", "")
"""The site of tests that are not bound to a bench."""
