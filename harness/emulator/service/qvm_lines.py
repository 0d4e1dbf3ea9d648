# SPDX-License-Identifier: Apache-2.0
"""What a qvm says, and what it is told: lines in place of JSON (``harness.emulator.service.protocol``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.emulator.machine.guest import EXIT_BEFORE_START


def as_named(word: str) -> str:
    """A word of qvm's command line as Python has it: each byte that is no ASCII may have come by itself."""
    return word.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


def for_qvm(answer: Mapping[str, Any]) -> bytes:
    """An answer of the host in the lines for a qvm."""
    if answer["ok"]:
        said, status = [*answer.get("notes", ())], answer.get("exit")
        if answer.get("message"):
            said.append(answer["message"])
    else:
        said, status = [f"qvm: {answer['error']}"], EXIT_BEFORE_START
    words = "".join(f"{text}\n" for text in said).encode(errors="backslashreplace")
    last = b"" if status is None else b"exit %d\n" % status
    return b"say %d\n%s%s" % (len(words), words, last)
