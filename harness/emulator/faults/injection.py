# SPDX-License-Identifier: Apache-2.0
"""Putting faults into the devices of this process while it runs, and taking them out again."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from importlib import import_module
from inspect import getattr_static, unwrap
from types import CodeType, ModuleType
from typing import Any, Final

from harness.emulator.faults.catalogue import catalogue
from harness.emulator.faults.registration import REGISTERED
from harness.errors import UsageError

_INHERITED: Final = object()


class Injection:
    """The faults that are in now: replaced attributes of classes and modules, and what was there before."""

    def __init__(self) -> None:
        self._originals: list[tuple[Any, str, Any]] = []

    def inject(self, name: str) -> None:
        """Give the devices of this process a defect. Raises UsageError for an unknown one."""
        fault = catalogue().get(name)
        if fault is None:
            close = difflib.get_close_matches(name, catalogue(), n=1)
            raise UsageError(f"no fault '{name}'", remedy=f"did you mean '{close[0]}'?" if close else "")
        import_module(f"harness.emulator.faults.{fault.module}")
        for (owner, attribute), make in REGISTERED[name].replace.items():
            self._replace(owner, attribute, make)

    def _replace(self, owner: Any, attribute: str, make: Callable[[Any], Any]) -> None:
        """Put ``make(original)`` in the place of ``owner.attribute``."""
        original = getattr(owner, attribute)
        self._originals.append((owner, attribute, vars(owner).get(attribute, _INHERITED)))
        setattr(owner, attribute, make(original))

    def clear(self) -> None:
        """Take all defects away again."""
        while self._originals:
            owner, attribute, original = self._originals.pop()
            if original is _INHERITED:
                delattr(owner, attribute)
            else:
                setattr(owner, attribute, original)


def replaced(name: str) -> list[CodeType | None]:
    """The code of each function that the fault replaces; None for one that is no function.

    For a function that a module has from another one, it is the code of those in the module that use it: who else uses
    it does not get the fault.
    """
    import_module(f"harness.emulator.faults.{catalogue()[name].module}")
    found: list[CodeType | None] = []
    for owner, attribute in REGISTERED[name].replace:
        code = _code(getattr_static(owner, attribute, None))
        brought = isinstance(owner, ModuleType) and (code is None or code.co_filename != owner.__file__)
        found += (_users(owner, attribute) if brought else []) or [code]
    return found


def _users(module: ModuleType, name: str) -> list[CodeType]:
    """The functions and methods of a module that use a name of it."""
    places = [vars(module), *(vars(value) for value in vars(module).values() if isinstance(value, type))]
    codes = {_code(value) for place in places for value in place.values()}
    return [code for code in codes if code and code.co_filename == module.__file__ and name in _names(code)]


def _names(code: CodeType) -> set[str]:
    """The global names and attributes in a function, and in the functions in it."""
    inner = (_names(constant) for constant in code.co_consts if isinstance(constant, CodeType))
    return set(code.co_names).union(*inner)


def _code(value: object) -> CodeType | None:
    """The code of a function, a method, or what reads a property."""
    inner = getattr(value, "fget", None) or getattr(value, "func", None) or value
    code = getattr(unwrap(inner) if callable(inner) else inner, "__code__", None)
    return code if isinstance(code, CodeType) else None
