# SPDX-License-Identifier: Apache-2.0
"""What happens in a session, as one stream of typed events.

Code that does something of interest (starts a guest, deploys a configuration, gives a verdict) emits one
event; log file, progress line and evidence are subscribers. Code that emits knows none of them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened at ``at`` (seconds since the epoch)."""

    at: float = field(default_factory=time.time)


START = "start"
"""The action of every guest that is started."""

INJECT = "inject fault"
"""The action of every fault that is injected into a device; its detail is the fault's name."""


@dataclass(frozen=True, kw_only=True)
class Action(Event):
    """One step on a bench: ``what`` in a few words ("start guest"), the guest and the bench that it concerns."""

    what: str
    bench: str = ""
    guest: str = ""
    detail: str = ""

    def __str__(self) -> str:
        words = (self.bench, self.what, self.guest, f"({self.detail})" if self.detail else "")
        return " ".join(word for word in words if word)


@dataclass(frozen=True, kw_only=True)
class CasesPlanned(Event):
    """The session will run ``total`` cases."""

    total: int


@dataclass(frozen=True, kw_only=True)
class CaseStarted(Event):
    """A case (one pytest item) begins."""

    case: str
    bench: str = ""
    requirements: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CaseEnded(Event):
    """A case has its verdict; ``duration_s`` covers its set-up, call and teardown."""

    case: str
    verdict: str
    duration_s: float
    bench: str = ""
    requirements: tuple[str, ...] = ()


Subscriber = Callable[[Event], None]


class Stream:
    """Hands each event to every subscriber, in the order of subscription, on the thread that emits.

    Emitting from several threads is safe; events then arrive one after the other. An exception in a subscriber reaches
    the emitter: a log that cannot be written must not be lost silently.
    """

    def __init__(self) -> None:
        self._subscribers: list[Subscriber] = []
        self._lock = threading.RLock()

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Add a subscriber; the returned function removes it and may be called more than once."""
        with self._lock:
            self._subscribers.append(subscriber)

        def unsubscribe() -> None:
            with self._lock:
                if subscriber in self._subscribers:
                    self._subscribers.remove(subscriber)

        return unsubscribe

    def emit(self, event: Event) -> None:
        """Hand ``event`` to all subscribers."""
        with self._lock:
            for subscriber in list(self._subscribers):
                subscriber(event)


session = Stream()
"""The stream of this process. Bench code emits ``Action`` here; the recorder of the report listens."""
