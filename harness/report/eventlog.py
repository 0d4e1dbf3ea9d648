# SPDX-License-Identifier: Apache-2.0
"""The events of a session as files: one JSON line each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from harness.events import Action, Event
from harness.report.folder import EVENTS


class EventLog:
    """Subscriber that writes all events below the run's folder, and the actions of a case beside its evidence too.

    ``case_folder`` gives the evidence folder of the case under way, None between cases.
    """

    def __init__(self, folder: Path, case_folder: Callable[[], Path | None]) -> None:
        self._run_log = folder / EVENTS
        self._case_folder = case_folder

    def __call__(self, event: Event) -> None:
        """Append one event."""
        line = _line(event)
        _append(self._run_log, line)
        folder = self._case_folder() if isinstance(event, Action) else None
        if folder is not None:
            _append(folder / EVENTS, line)


def _line(event: Event) -> str:
    told = {name: value for name, value in asdict(event).items() if name != "at" and value not in ("", ())}
    at = datetime.fromtimestamp(event.at, UTC).isoformat(timespec="milliseconds")
    return json.dumps({"at": at, "event": type(event).__name__, **told})


def _append(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
