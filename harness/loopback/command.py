# SPDX-License-Identifier: Apache-2.0
"""Commands to a running loopback board: power on and off, reset, and disturbances of its hardware.

A command is one line with a JSON object, sent to the UNIX socket ``FOLDER/control``. The answer is ``{"error": TEXT}``;
the text is empty on success. The power switch is a separate program that starts often, so this module imports little.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Final

from harness.account import is_own
from harness.errors import BenchError

CONTROL: Final = "control"
_ANSWER_SECONDS: Final = 120.0


def command_board(folder: Path, operation: str, **arguments: object) -> None:
    """Send a command to the board in ``folder``. Raises BenchError when there is no board or it refuses.

    The commands are ``on``, ``off``, ``reset``, ``disturb`` (with ``line`` and the fields of Disturbance) and
    ``behave`` (with fields of Behaviour).
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_ANSWER_SECONDS)
        try:
            connection.connect(str(folder / CONTROL))
            if not is_own(connection):
                raise PermissionError("another user listens there")
            connection.sendall(json.dumps({"do": operation, **arguments}).encode() + b"\n")
            answer = connection.makefile("rb").readline()
        except OSError as error:
            raise BenchError(f"there is no loopback board in {folder}: {error}") from error
    if not answer:
        raise BenchError(f"the loopback board in {folder} ended during {operation!r}")
    if refusal := json.loads(answer)["error"]:
        raise BenchError(f"the loopback board refuses {operation!r}: {refusal}")
