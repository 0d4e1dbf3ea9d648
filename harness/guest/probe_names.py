# SPDX-License-Identifier: Apache-2.0
"""Requests for many names by one command of the probe, and what came of each."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self

from harness.guest.probe import TIMEOUT, Probe
from harness.guest.probe_results import number
from harness.shmem.name_lists import NameItem, frames

Writing = Literal["nul", "bare", "whole", "changes"]
"""How a name gets into its register: its bytes and a NUL; its bytes alone, before what was behind them; all 32 bytes,
with zeros behind the name; or those of the 32 that are not what was written for the name before."""

Width = Literal[1, 2, 4, 8]

NO_PAGE: Final = 0xFF
"""Met where a granted region has no address of a page that could be mapped."""

# What is sent again waits in the console for the guest to be done, and a console has not much room.
_CHARACTERS: Final = 1500
_VERDICTS: Final = 1024
_BUSY: Final = 2.0
_TOLD: Final = 3500
# Far below what an emulated guest on a busy machine reaches; it only bounds the wait.
_VERDICTS_PER_SECOND: Final = 10


@dataclass(frozen=True)
class Verdict:
    """The status of a request, and the number of the marked region that the guest was in, or 0."""

    status: int
    met: int


@dataclass(frozen=True)
class Digest:
    """What came of the requests of one command: how many there were and how many were granted, the CRC-32 of all
    verdicts (a byte for the status and one for what was met), and the nanoseconds that they took in the guest."""

    verdicts: int
    granted: int
    crc32: int
    ns: int

    @classmethod
    def of(cls, answer: dict[str, Any]) -> Self:
        return cls(answer["verdicts"], answer["granted"], number(answer["crc32"]), answer["ns"])


def crc(verdicts: Iterable[Verdict]) -> int:
    """The CRC-32 that a guest computes of these verdicts."""
    return zlib.crc32(bytes(byte for verdict in verdicts for byte in (verdict.status, verdict.met)))


@dataclass
class Compared:
    """What differed from what was expected, by the place of the verdict; how many there were, and the nanoseconds that
    they took in the guest."""

    differences: dict[int, Verdict] = field(default_factory=dict)
    verdicts: int = 0
    ns: int = 0


def ask(
    probe: Probe,
    items: Sequence[NameItem],
    *,
    pages: int = 1,
    writing: Writing = "nul",
    width: Width = 4,
    times: int = 1,
    mark: int = 0,
) -> Digest:
    """Let the guest request every name, one after the other, each ``times`` times by the store to size alone.

    A region that is granted is left at once. A region is marked when its data begins with the 64-bit ``mark``, whose
    low byte is the region's number.
    """
    asked = times * sum(1 for item in items for _ in item.names())
    text = ",".join(item.text for item in items)
    command = f"names {pages} {writing} {width} {times} {mark:#x} {text}"
    return Digest.of(probe.command(command, timeout=TIMEOUT + asked / _VERDICTS_PER_SECOND, busy=_BUSY))


def verdicts(probe: Probe, count: int) -> list[Verdict]:
    """The first ``count`` verdicts of the last :func:`ask`."""
    told = b"".join(
        bytes.fromhex(probe.command(f"verdicts {first} {min(_TOLD, count - first)}")["verdicts"])
        for first in range(0, count, _TOLD)
    )
    return [Verdict(*pair) for pair in zip(told[::2], told[1::2], strict=True)]


def compare(
    probe: Probe,
    items: Iterable[NameItem],
    expected: Sequence[Verdict],
    *,
    pages: int = 1,
    writing: Writing = "nul",
    width: Width = 4,
    times: int = 1,
    mark: int = 0,
) -> Compared:
    """Ask as :func:`ask` does, in as many commands as it takes, and compare with ``times`` verdicts for each name.

    The guest tells its verdicts one by one only where a digest is not the expected one.
    """
    compared = Compared()
    for group in frames(items, characters=_CHARACTERS, names=_VERDICTS // times):
        digest = ask(probe, group, pages=pages, writing=writing, width=width, times=times, mark=mark)
        wanted = expected[compared.verdicts : compared.verdicts + digest.verdicts]
        if digest.crc32 != crc(wanted):
            seen = verdicts(probe, digest.verdicts)
            pairs = enumerate(zip(wanted, seen, strict=True), compared.verdicts)
            compared.differences |= {place: new for place, (old, new) in pairs if old != new}
        compared.verdicts += digest.verdicts
        compared.ns += digest.ns
    return compared
