# SPDX-License-Identifier: Apache-2.0
"""labgrid's decorators with types, so that strict checking sees through them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from labgrid.driver import Driver
from labgrid.step import step
from labgrid.strategy import never_retry

_Function = TypeVar("_Function", bound=Callable[..., Any])


def active(method: _Function) -> _Function:
    """The method may only be called while its driver is active."""
    return cast(_Function, Driver.check_active(method))


def stepped(args: Sequence[str] = ()) -> Callable[[_Function], _Function]:
    """The method is shown as a step by labgrid's logging, with the named arguments."""
    return cast(Callable[[_Function], _Function], step(args=list(args)))


def unrepeatable(method: _Function) -> _Function:
    """Once a method of a strategy has failed, it fails in the same way until the strategy is reset."""
    return cast(_Function, never_retry(method))
