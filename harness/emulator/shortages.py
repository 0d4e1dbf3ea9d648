# SPDX-License-Identifier: Apache-2.0
"""What this host ran out of: memory, descriptors, processes, room on a disk.

The limits of the device (a region too large, no index left) are answers that the rules of the device demand. That the
machine under the emulated host has run out of is none: it is recorded here, and the harness checks this record
before it believes a verdict.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
from typing import Final

_LOG = logging.getLogger(__name__)

_EXHAUSTED: Final = {
    errno.ENOMEM: "memory",
    errno.EMFILE: "descriptors of a process",
    errno.ENFILE: "descriptors of the machine",
    errno.ETOOMANYREFS: "descriptors of a process",
    errno.EAGAIN: "processes, threads or locked memory",
    errno.ENOSPC: "room on a disk",
    errno.EDQUOT: "the quota of a disk",
    errno.EFBIG: "the largest size of a file",
    errno.ENOBUFS: "memory for sockets",
}
_WORDS: Final = {os.strerror(number): number for number in _EXHAUSTED} | {
    "failed to allocate": errno.ENOMEM,
    "Failed to allocate memory": errno.ENOMEM,
}
_SIGNALS: Final = {
    signal.SIGKILL: errno.ENOMEM,
    signal.SIGXFSZ: errno.EFBIG,
}
"""Signals by which the kernel ends what wants more: for lack of memory, or at the limit of a file's size."""

_MOST: Final = 200
"""Lines that are kept: a guest can make a host run short again and again."""

_noted: list[str] = []
_passed_over = 0


def noted() -> list[str]:
    """A line for each shortage that this process has met, in their order; the last one may count the others."""
    more = [f"and {_passed_over} more"] if _passed_over else []
    return _noted + more


def note(error: BaseException, what: str) -> bool:
    """Note what an error that came of ``what`` says the machine has run out of; whether it says so at all."""
    number = errno.ENOMEM if isinstance(error, MemoryError) else getattr(error, "errno", None)
    if number not in _EXHAUSTED:
        return False
    _note(number, what)
    return True


def note_number(number: int, what: str) -> None:
    """The same for an error number that a function of the operating system gave."""
    note(OSError(number, os.strerror(number)), what)


def note_share(who: str) -> None:
    """One guest has had its share of what this host can give."""
    _keep(f"a VM has its share of this host's memory and descriptors: {who}")


def note_words(said: str, who: str) -> None:
    """The same for the messages of a program."""
    for line in said.splitlines():
        for words, number in _WORDS.items():
            if words in line:
                _note(number, f"{who} says: {line.strip()}")


def note_signal(number: int, who: str) -> None:
    """The same for a program that was ended by a signal of the kernel."""
    if number in _SIGNALS:
        _note(_SIGNALS[signal.Signals(number)], f"{who} was ended by {signal.Signals(number).name}")


def _note(number: int, what: str) -> None:
    _keep(f"out of {_EXHAUSTED[number]} ({errno.errorcode[number]}): {what}")


def _keep(line: str) -> None:
    global _passed_over
    if len(_noted) == _MOST:
        _passed_over += 1
        return
    _noted.append(line)
    _LOG.error("%s", _noted[-1])
