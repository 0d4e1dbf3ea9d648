# SPDX-License-Identifier: Apache-2.0
"""How the loopback board is handled from outside: its power switch, and what a test does to its hardware.

One JSON object a line over the UNIX socket ``FOLDER/control``; the answer is ``{"error": TEXT}``, with an empty text
when it was done. The power switch is a program of its own, so this module imports little.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Final

from harness.errors import BenchError

CONTROL: Final = "control"
_ANSWER_SECONDS: Final = 120.0


def tell(folder: Path, operation: str, **arguments: object) -> None:
    """Do something to the board in ``folder``: ``on``, ``off``, ``reset``, ``disturb`` (with ``line`` and the fields of
    Disturbance) or ``behave`` (with fields of Behaviour). Raises BenchError when there is no board or it refuses."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_ANSWER_SECONDS)
        try:
            connection.connect(str(folder / CONTROL))
            connection.sendall(json.dumps({"do": operation, **arguments}).encode() + b"\n")
            answer = connection.makefile("rb").readline()
        except OSError as error:
            raise BenchError(f"there is no loopback board in {folder}: {error}") from error
    if not answer:
        raise BenchError(f"the loopback board in {folder} ended during {operation!r}")
    if refusal := json.loads(answer)["error"]:
        raise BenchError(f"the loopback board refuses {operation!r}: {refusal}")
