# SPDX-License-Identifier: Apache-2.0
"""The events of a session as JSON lines: in files, and through a pipe to the process that started the session."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from harness.events import Action, CaseEnded, CasesPlanned, CaseStarted, Event
from harness.report.evidence.folder import EVENTS

_KINDS: Final[dict[str, type[Event]]] = {kind.__name__: kind for kind in (Action, CasesPlanned, CaseStarted, CaseEnded)}


class EventLog:
    """Subscriber that writes all events below the run's folder, and the actions of a case with its evidence too.

    ``case_folder`` gives the evidence folder of the case under way, None between cases. When an event cannot be
    written, ``lost`` says why, and nothing is written any more.
    """

    def __init__(self, folder: Path, case_folder: Callable[[], Path | None]) -> None:
        self._run_log = folder / EVENTS
        self._case_folder = case_folder
        self.lost: OSError | None = None

    def __call__(self, event: Event) -> None:
        """Append one event."""
        if self.lost is not None:
            return
        line = _line(event)
        folder = self._case_folder() if isinstance(event, Action) else None
        try:
            _append(self._run_log, line)
            if folder is not None:
                _append(folder / EVENTS, line)
        except OSError as error:
            self.lost = error


def pipe(descriptor: int) -> Callable[[Event], None]:
    """A subscriber that writes all events to ``descriptor``, until its reader has gone."""

    def write(event: Event) -> None:
        with contextlib.suppress(BrokenPipeError):
            os.write(descriptor, f"{_line(event)}\n".encode())

    return write


def parse(line: str) -> Event:
    """The event of a line. Raises ValueError for what is none."""
    values = json.loads(line)
    kind = _KINDS[values.pop("event")]
    at = datetime.fromisoformat(values.pop("at")).timestamp()
    return kind(at=at, **{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def _line(event: Event) -> str:
    values = {name: value for name, value in asdict(event).items() if name != "at" and value not in ("", ())}
    at = datetime.fromtimestamp(event.at, UTC).isoformat(timespec="milliseconds")
    return json.dumps({"at": at, "event": type(event).__name__, **values})


def _append(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
