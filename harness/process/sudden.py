# SPDX-License-Identifier: Apache-2.0
"""Ends of a process that pass by everything: ``os._exit``, and another program in its place (``os.execv``).

Who calls them in the middle of a session takes the verdict with it, and the status is whatever was asked for: 0 looks
like a pass. Here such a call is an error instead. Children that were forked are left alone: it is how they end. What C
code does (``exit`` by ctypes) nobody here can see; then the report that was begun says that the run did not finish.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, Final

_REAL: Final = {name: getattr(os, name) for name in ("_exit", "execv", "execve")}

_Refuse = Callable[[str], object]


class _State:
    process = 0
    refuse: _Refuse | None = None
    status = 0


def refused(refuse: _Refuse) -> None:
    """From now on ``refuse``, which raises, is called with the words of such a call in this process."""
    _State.process, _State.refuse, _State.status = os.getpid(), refuse, 0
    for name, function in _REAL.items():
        setattr(os, name, functools.wraps(function)(functools.partial(_called, name)))


def settled(status: int) -> None:
    """The session is over with this status. Such a call is no error any more, but none turns the status into 0."""
    _State.refuse, _State.status = None, status


def _called(name: str, *arguments: Any) -> Any:
    if os.getpid() == _State.process:
        if _State.refuse is not None:
            _State.refuse(f"os.{name}({', '.join(map(repr, arguments[:1]))})")
        elif _State.status:
            _REAL["_exit"](_State.status)
    return _REAL[name](*arguments)
