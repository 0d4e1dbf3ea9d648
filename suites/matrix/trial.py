# SPDX-License-Identifier: Apache-2.0
"""One configured guest asks for names, alone and after a peer has made the regions; what it gets is compared with the
oracle, status by status and byte by byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

from fixtures.access import Access
from fixtures.api import judged
from fixtures.guest import Guest, Region
from harness.shmem.config import ShmemVdev
from harness.shmem.oracle import Decision, creations, decide
from harness.shmem.status import Status
from suites.matrix.covering import Operation

BATCH: Final = 12
"""Regions that the peer holds at a time; its window has no room for all."""

_PEER_PAGES: Final = 5
_SECRET: Final = 0x5EC2E75EC2E7A11E
_MARK_AT: Final = 4088
_MARKS: Final = count(0x0D15_EA5E_0000_0001)
_UNRESTRICTED: Final = ShmemVdev(())


@dataclass(frozen=True, eq=False)
class Trial:
    """A guest under test and its unrestricted peer. Each method yields what was wrong, a line per name.

    ``counted`` is called for every verdict.
    """

    access: Access
    guest: Guest
    peer: Guest
    options: str
    counted: Callable[[], None]

    def create(self, names: Sequence[str]) -> Iterator[str]:
        """The guest is the first to ask; what it gets is what the peer meets under the host-side name."""
        for name in names:
            decision = self._decide(name)
            answer = self.guest.request(name)
            yield from self._verdict(name, decision, answer.status, "create")
            if answer.region and decision.allowed:
                yield from self._met_by_peer(name, decision, answer.region)
            self.guest.detach_all()

    def attach(self, names: Sequence[str]) -> Iterator[str]:
        """The peer has made the regions; the guest reads the peer's bytes in those that it gets, and no others.

        Names that nobody may have are nowhere to be attached to: the guest asks all the same.
        """
        decided = {name: self._decide(name) for name in names}
        reachable = [name for name, decision in decided.items() if self._peer_may_have(decision.host_name)]
        for name in names:
            if name not in reachable:
                yield from self._verdict(name, decided[name], self.guest.request(name).status, "attach")
        self.guest.detach_all()
        for first in range(0, len(reachable), BATCH):
            yield from self._attach_batch({name: decided[name] for name in reachable[first : first + BATCH]})

    def created(self) -> Iterator[str]:
        """The regions of the ``create`` options are there in their sizes, whoever asks."""
        for creation in creations(self.guest.shmem, self.access.profile):
            region = self.peer.attach(creation.host_name)
            seen, expected = region.pages, creation.pages
            judged()
            if seen != expected:
                yield f"{self.options}: peer, {creation.host_name!r}: expected {expected} pages, seen {seen}"
            region.detach()

    def _attach_batch(self, decided: dict[str, Decision]) -> Iterator[str]:
        marks: dict[str, int] = {}
        for name, decision in decided.items():
            if decision.host_name not in marks:
                yield from self._prepare(name, decision, marks)
        for name, decision in decided.items():
            answer = self.guest.request(name)
            yield from self._verdict(name, decision, answer.status, "attach")
            if answer.region and decision.allowed:
                seen = _mark_of(answer.region)
                if seen != marks[decision.host_name]:
                    yield self._line(name, "attach", f"the bytes of {decision.host_name!r}", f"{seen:#x}", decision)
            self.guest.detach_all()
        self.peer.detach_all()

    def refusable(self, names: Sequence[str]) -> list[str]:
        """Return the names that the guest must not use and the peer may use."""
        decided = {name: self._decide(name) for name in names}
        return [
            name
            for name, decision in decided.items()
            if not decision.allowed and self._peer_may_have(decision.host_name)
        ]

    def concealed(self, names: Sequence[str]) -> Iterator[str]:
        """After it was refused regions of the peer, the guest finds none of their pages anywhere in its window."""
        for name in self.refusable(names)[:BATCH]:
            decision = self._decide(name)
            self.peer.attach(decision.host_name, pages=_PEER_PAGES).mark_pages(_SECRET)
            yield from self._verdict(name, decision, self.guest.request(name).status, "attach")
        # Where it is not known where a device shows something, a guest looks where another one has the regions.
        hits = self.guest.pages_in_window_with(_SECRET, also=self.peer.shown)
        if hits:
            yield f"{self.options}: {self.guest.name} holds no region and sees {hits} pages of regions of the peer"
        self.guest.detach_all()
        self.peer.detach_all()

    def _prepare(self, name: str, decision: Decision, marks: dict[str, int]) -> Iterator[str]:
        """The peer creates the region and writes a mark into it."""
        region = self.peer.attach(decision.host_name, pages=_PEER_PAGES)
        if region.pages != self._pages_expected(decision.host_name):
            yield self._line(name, "attach", "a region that nobody had", f"one of {region.pages} pages", decision)
        marks[decision.host_name] = next(_MARKS)
        region.poke(_MARK_AT, marks[decision.host_name].to_bytes(8, "little"))

    def _met_by_peer(self, name: str, decision: Decision, region: Region) -> Iterator[str]:
        mark = next(_MARKS)
        region.poke(_MARK_AT, mark.to_bytes(8, "little"))
        answer = self.peer.request(decision.host_name)
        seen = _mark_of(answer.region) if answer.region else 0
        if seen != mark:
            yield self._line(name, "create", f"to be {decision.host_name!r} on the host", "another region", decision)
        self.peer.detach_all()

    def _pages_expected(self, host_name: str) -> int:
        made = {creation.host_name: creation.pages for creation in creations(self.guest.shmem, self.access.profile)}
        return made.get(host_name, _PEER_PAGES)

    def _peer_may_have(self, name: str) -> bool:
        return decide(_UNRESTRICTED, name, self.access.profile).allowed

    def _decide(self, name: str) -> Decision:
        return decide(self.guest.shmem, name, self.access.profile)

    def _verdict(self, name: str, decision: Decision, seen: Status, operation: Operation) -> Iterator[str]:
        judged()
        self.counted()
        self.access.matrix.record(
            configuration=self.options or "no options",
            guest=self.guest.name,
            name=name,
            expected=decision.allowed,
            seen=seen == Status.OK,
            operation=operation,
            detail=seen.name,
        )
        if seen != decision.status:
            yield self._line(name, operation, decision.status.name, seen.name, decision)

    def _line(self, name: str, operation: Operation, expected: str, seen: str, decision: Decision) -> str:
        return (
            f"{self.options or 'no options'}: {self.guest.name}, {operation} {name!r}: expected {expected} by "
            f"{_reason(decision)}, seen {seen}"
        )


def _mark_of(region: Region) -> int:
    return int.from_bytes(region.peek(_MARK_AT, 8), "little")


def _reason(decision: Decision) -> str:
    """Describe what decided."""
    if decision.rule:
        return f"'{decision.rule.kind} {decision.rule.pattern}'"
    if decision.implicit:
        return f"the implicit '{decision.implicit}'"
    return decision.reason or "an empty list"
