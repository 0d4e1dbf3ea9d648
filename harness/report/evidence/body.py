# SPDX-License-Identifier: Apache-2.0
"""Whether the body of a test ran to its end.

pytest, and any plugin, can report a test as passed of which no line ran: ``--setup-only`` leaves the call out, a hook
can answer in the place of the test. Nothing that they report counts here, only that the function itself was entered and
has returned.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

BODY = pytest.StashKey["Body"]()
"""The body of an item while it is watched."""


class Body:
    """The body of one test. ``entered`` and ``ended`` say how far it came."""

    def __init__(self) -> None:
        self.entered = False
        self.ended = False

    @contextmanager
    def watched(self, item: pytest.Item) -> Iterator[None]:
        """While the block runs, it is recorded when the item's own function is entered and when it returns.

        An item that is no function (a doctest) is watched where pytest runs it.
        """
        name = "obj" if isinstance(item, pytest.Function) else "runtest"
        function = getattr(item, name)
        item.stash[BODY] = self
        setattr(item, name, self._noting(function))
        try:
            yield
        finally:
            if name == "obj":
                setattr(item, name, function)
            else:
                delattr(item, name)

    def _noting(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def noted_coroutine(*arguments: Any, **named: Any) -> Any:
                self.entered = True
                result = await function(*arguments, **named)
                self.ended = True
                return result

            return noted_coroutine

        @functools.wraps(function)
        def noted(*arguments: Any, **named: Any) -> Any:
            self.entered = True
            result = function(*arguments, **named)
            # What comes back with its body still to run has not ended.
            self.ended = not (inspect.isawaitable(result) or inspect.isgenerator(result) or inspect.isasyncgen(result))
            return result

        return noted
