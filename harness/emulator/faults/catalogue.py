# SPDX-License-Identifier: Apache-2.0
"""What a fault is, and how it gets into the device's classes and out again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from harness.emulator.device.regions import Refused
from harness.shmem.status import Status

_MISSING: Final = object()


class Patches:
    """Replaced attributes of classes and modules, and what was there before."""

    def __init__(self) -> None:
        self._originals: list[tuple[Any, str, Any]] = []

    def replace(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Put ``make(original)`` in the place of ``owner.name``."""
        original = getattr(owner, name)
        self._originals.append((owner, name, vars(owner).get(name, _MISSING)))
        setattr(owner, name, make(original))

    @property
    def count(self) -> int:
        """How many attributes are replaced."""
        return len(self._originals)

    def clear(self) -> None:
        """Put everything back."""
        while self._originals:
            owner, name, original = self._originals.pop()
            if original is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, original)


@dataclass(frozen=True)
class Fault:
    """A defect: what it is called, which requirements must notice it, and what it does."""

    name: str
    group: str
    text: str
    apply: Callable[[Patches], None]


FAULTS: Final[dict[str, Fault]] = {}


def fault(name: str, group: str, text: str) -> Callable[[Callable[[Patches], None]], None]:
    def register(apply: Callable[[Patches], None]) -> None:
        assert name not in FAULTS, name
        FAULTS[name] = Fault(name, group, text, apply)

    return register


def fault_in(owner: Any, group: str, name: str, text: str, attribute: str, make: Callable[[Any], Any]) -> None:
    """A fault that replaces one attribute of a class or module: ``make`` gets the original."""
    fault(name, group, text)(lambda patches: patches.replace(owner, attribute, make))


def refuse(status: Status) -> NoReturn:
    """What a faulty request does when it fails. Raises Refused."""
    raise Refused(status)
