# SPDX-License-Identifier: Apache-2.0
"""How a fault is written down: one call of ``fault`` for each, at the top level of a module of its group."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from harness.emulator.device.regions import RequestFailed
from harness.shmem.status import Status

Replacements = Mapping[tuple[Any, str], Callable[[Any], Any]]
"""By owner (a class or a module) and attribute: what makes the faulty attribute from the original one."""


@dataclass(frozen=True)
class Registered:
    """A fault with what it replaces."""

    name: str
    group: str
    text: str
    replace: Replacements


REGISTERED: Final[dict[str, Registered]] = {}
"""By name, the faults of the modules that are imported so far."""


def fault(*, name: str, group: str, text: str, replace: Replacements) -> None:
    """Register the defect ``name``, which does what ``text`` says and which the requirements of ``group`` must notice.

    ``name``, ``group`` and ``text`` have to be literals: the catalogue reads them without running this.
    """
    if name in REGISTERED:
        raise ValueError(f"two faults have the name {name!r}")
    REGISTERED[name] = Registered(name, group, text, replace)


def refuse(status: Status) -> NoReturn:
    """What a faulty request does when it fails. Raises RequestFailed."""
    raise RequestFailed(status)
