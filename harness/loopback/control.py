# SPDX-License-Identifier: Apache-2.0
"""The board's control socket: power, and disturbances of its hardware (the client is ``command``)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Self

from harness.account import is_own
from harness.errors import BenchError
from harness.loopback.disturbance import Disturbance
from harness.loopback.machine import Machine
from harness.narrow import present
from harness.structured import parse_plain

SWITCH: Final = "switch"
_SCRIPT_MODE: Final = 0o755


class Controls:
    """The board's side, as long as it is entered."""

    def __init__(self, machine: Machine, path: Path) -> None:
        self._machine = machine
        self._path = path
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._serve, self._path)
        return self

    async def __aexit__(self, *_: object) -> None:
        present(self._server).close()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not is_own(writer.get_extra_info("socket")):
            writer.close()
            return
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                writer.write(json.dumps({"error": await self._answer(line)}).encode() + b"\n")
                await writer.drain()
        writer.close()

    async def _answer(self, line: bytes) -> str:
        try:
            await self._do(parse_plain(line))
        except (BenchError, KeyError, TypeError, ValueError) as error:
            return f"{type(error).__name__}: {error}"
        return ""

    async def _do(self, request: dict[str, Any]) -> None:
        machine, operation = self._machine, request.pop("do")
        if operation in ("on", "off", "reset"):
            await getattr(machine, operation)()
        elif operation == "disturb":
            machine.disturb(request.pop("line"), Disturbance(**request))
        elif operation == "behave":
            machine.behaviour = replace(machine.behaviour, **request)
        else:
            raise KeyError(operation)


def install_switch(folder: Path) -> None:
    """Put the power switch next to the board: a program for labgrid's ExternalPowerDriver."""
    script = folder / SWITCH
    command = shlex.join([sys.executable, "-m", "harness.loopback.switch", str(folder)])
    script.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    script.chmod(_SCRIPT_MODE)
