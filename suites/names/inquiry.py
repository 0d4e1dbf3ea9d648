# SPDX-License-Identifier: Apache-2.0
"""A guest asks for all names of its lists, and what it gets is compared with the oracle, status by status.

For a sample of the names a peer holds the regions under their host-side names, with a mark in each. The guest that gets
one of them reads the mark, and reads none in a region under any other name: so it is met where the oracle says, and
nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from random import Random
from typing import Final

from fixtures.guest import NO_PAGE, Compared, Guest, Verdict, Width, Writing
from harness.shmem.config import ShmemVdev
from harness.shmem.name_lists import Made, Name
from harness.shmem.oracle import Decider, Decision, decide
from harness.shmem.oracle.coverage import RuleMatcher, new_budget
from harness.shmem.oracle.patterns import name_bytes
from harness.shmem.profile import Profile
from harness.shmem.registers import MAX_NAME_LENGTH, NAME_SIZE
from harness.shmem.status import Status
from suites.matrix.statements import statement
from suites.names.lists import Listed

_TOLD: Final = 30
"""Differences of a list that are looked into; a fault shows in thousands."""
_IN_SEQUENCE: Final = 60
"""Names of a list that are asked for once more, in other ways."""
_WIDTHS: Final[tuple[Width, ...]] = (8, 8, 4, 8, 8, 2)
"""Bytes of a store to the name register, vdev by vdev: the fewer stores, the more names in a second."""

Decided = Callable[[bytes], Decision]
"""What the oracle says of what is in the name register."""

_MARKS: Final = count(0x0B5E_55ED_0000_0100, 0x100)
_UNRESTRICTED: Final = ShmemVdev(())


@dataclass(frozen=True)
class Difference:
    """A verdict that is not the oracle's: the requirement that it breaks, and a line about it."""

    requirement: str
    line: str


@dataclass
class Results:
    """What came of the names of some lists."""

    verdicts: int = 0
    ns: int = 0
    granted: int = 0
    met: int = 0
    differences: list[Difference] = field(default_factory=list)

    def add(self, compared: Compared) -> None:
        """The figures of a comparison."""
        self.verdicts += compared.verdicts
        self.ns += compared.ns


def text_of(name: bytes) -> str:
    """A name as the oracle takes it."""
    return name.decode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class Inquiry:
    """A vdev of a guest, the peer without restrictions, and the profile of the bench. Differences go to ``results``."""

    guest: Guest
    number: int
    peer: Guest
    listed: Listed
    profile: Profile
    results: Results

    @property
    def vdev(self) -> ShmemVdev:
        """The device that is asked."""
        return self.guest.vdevs[self.number]

    def decider(self) -> Decided:
        """What the oracle says of a name, which is remembered."""
        known: dict[bytes, Decision] = {}
        oracle = Decider(self.vdev, self.profile, RuleMatcher(self.vdev.rules, self.profile, new_budget()))

        def decided(name: bytes) -> Decision:
            if name not in known:
                known[name] = oracle.decide(text_of(name))
            return known[name]

        return decided

    def ask_all(self) -> None:
        """All names, among regions of the peer; then some of them in sequences that have something between them."""
        decided = self.decider()
        names = [name for item in self.listed.items for name in item.names()]
        mark = next(_MARKS)
        held = self._hold(names, decided, mark)
        expected = [_expected(decided(name), held) for name in names]
        self.results.granted += sum(verdict.status == 0 for verdict in expected)
        self.results.met += len({verdict.met for verdict in expected} - {0})
        asked = self.guest.compare_names(
            self.listed.items, expected, vdev=self.number, writing=self._writing, width=self._width, mark=mark
        )
        self._take(asked, names, expected, decided, held)
        self.peer.detach_all()
        some = Random(self.listed.options).sample(names, min(_IN_SEQUENCE, len(names)))
        self.ask_in_sequence(some, decided, writing="bare")
        self._ask_for_something_else()
        self.ask_in_sequence(some, decided, writing="nul", times=2)
        self.guest.detach_all()

    @property
    def _writing(self) -> Writing:
        """Every other vdev gets the changes of the register alone, where the register keeps what was written."""
        return "changes" if self.number % 2 and self.profile.name_readback == "guest-name" else "nul"

    @property
    def _width(self) -> Width:
        return 4 if self.profile.access_widths == "natural" else _WIDTHS[self.number % len(_WIDTHS)]

    def ask_in_sequence(self, names: Sequence[bytes], decided: Decided, *, writing: Writing, times: int = 1) -> None:
        """Names one after the other in this order, each ``times`` times.

        Written bare, a name goes on with what the register keeps of those before it.
        """
        self.guest.select(self.number)
        register = bytearray(self.guest.registers().name)
        meant = []
        for name in names:
            register[: len(name)] = name
            if writing != "bare":
                register[len(name) :] = bytes(NAME_SIZE - len(name))
            meant += [bytes(register)] * times
            decision = decided(meant[-1])
            if decision.allowed and self.profile.name_readback == "host-name":
                register[:] = name_bytes(decision.host_name).ljust(NAME_SIZE, b"\0")
        expected = [_expected(decided(name), {}) for name in meant]
        items = [Name(name) for name in names]
        asked = self.guest.compare_names(items, expected, vdev=self.number, writing=writing, times=times)
        self._take(asked, meant, expected, decided, {}, writing)

    def _ask_for_something_else(self) -> None:
        """Requests that fail in several ways, one that is granted and stays, and one to another device."""
        for name, pages in (("", 1), ("of-no-size", 0), ("too-large", 1 << 20)):
            self.guest.request(name, pages, vdev=self.number)
        self.guest.request(f"kept-{self.number}", vdev=self.number)
        if len(self.guest.vdevs) > 1:
            self.guest.request(f"other-{self.number}", vdev=(self.number + 1) % len(self.guest.vdevs))

    def _take(
        self,
        compared: Compared,
        names: Sequence[bytes],
        expected: Sequence[Verdict],
        decided: Decided,
        held: dict[str, int],
        writing: Writing = "nul",
    ) -> None:
        """Note what differs, of a great many differences some."""
        self.results.add(compared)
        different = list(compared.differences.items())
        for place, seen in different[:: 1 + len(different) // _TOLD]:
            name, decision = names[place], decided(names[place])
            line = self._line(name, expected[place], seen, decision, writing)
            self.results.differences.append(Difference(self._requirement(name, seen, decision, held, writing), line))

    def _requirement(
        self, name: bytes, seen: Verdict, decision: Decision, held: dict[str, int], writing: Writing
    ) -> str:
        """What a wrong verdict breaks: in another region than the host-side one, a guest reads bytes of others."""
        if writing == "bare":
            return "SHM-FACT-09"
        if seen.met and seen.met != held.get(decision.host_name):
            return "SHM-ISOL-02"
        return statement(self.vdev, text_of(name), "attach" if decision.host_name in held else "create")

    def _hold(self, names: Sequence[bytes], decided: Decided, mark: int) -> dict[str, int]:
        """Let the peer attach the host-side regions of a sample: numbers by host-side name.

        Some are names whose neighbours are asked for, the longest among them; some are names that are refused.
        """
        around = [item.name for item in self.listed.items if isinstance(item, Made)]
        longest = [name for name in around if len(name) == MAX_NAME_LENGTH]
        chosen: dict[str, None] = {}
        for some, allowed, most in (
            (longest, True, 2), (around, True, 3), (names, True, 4), (longest, False, 1), (names, False, 2),
        ):  # fmt: skip
            chosen |= dict.fromkeys(_spread(self._hosts(some, decided, allowed=allowed), most))
        held = {}
        for number, host in enumerate(chosen, 1):
            answer = self.peer.request(host)
            if answer.region is None:
                line = (
                    f"{self.peer.name}, no options: {host!r}: expected OK by an empty list, seen {answer.status.name}"
                )
                self.results.differences.append(Difference("SHM-ALLOW-01", line))
                continue
            answer.region.poke(0, (mark | number).to_bytes(8, "little"))
            held[host] = number
        return held

    def _hosts(self, names: Sequence[bytes], decided: Decided, *, allowed: bool) -> list[str]:
        """Of names that the guest may have, or that a rule refuses, the host-side names that a peer may have."""
        decisions = (decided(name) for name in names)
        status = Status.OK if allowed else Status[self.profile.denied_status]
        hosts = (each.host_name for each in decisions if each.allowed is allowed and each.status == status)
        return list(dict.fromkeys(host for host in hosts if self._peer_may_have(host)))

    def _peer_may_have(self, host: str) -> bool:
        # The probe takes text as Latin-1; a name beyond ASCII is asked for by the guest alone.
        return host.isascii() and decide(_UNRESTRICTED, host, self.profile).allowed

    def _line(self, name: bytes, expected: Verdict, seen: Verdict, decision: Decision, writing: Writing) -> str:
        how = "" if writing == "nul" else f", written {writing}"
        return (
            f"{self.guest.name}, {_shortened(self.listed.options) or 'no options'}: {name!r}{how}: expected "
            f"{_told(expected)} by {_reason(decision)}, host-side name {decision.host_name!r}, seen {_told(seen)}"
        )


def _spread(some: Sequence[str], count: int) -> Sequence[str]:
    """At most ``count`` of them, from the first to the last."""
    return some[:: max(1, len(some) // count)][:count]


def _expected(decision: Decision, held: dict[str, int]) -> Verdict:
    return Verdict(int(decision.status), held.get(decision.host_name, 0) if decision.allowed else 0)


def _told(verdict: Verdict) -> str:
    status = next((each.name for each in Status if each == verdict.status), f"status {verdict.status}")
    if verdict.met == NO_PAGE:
        return f"{status} without a region"
    return f"{status} in region {verdict.met} of the peer" if verdict.met else status


def _reason(decision: Decision) -> str:
    """What decided, in words."""
    if decision.rule:
        return f"'{decision.rule.kind} {decision.rule.pattern}'"
    if decision.implicit:
        return f"the implicit '{decision.implicit}'"
    return decision.reason or "an empty list"


def _shortened(options: str, most: int = 400) -> str:
    """The options; of a very long list the beginning and the end."""
    return options if len(options) <= most else f"{options[: most // 2]} ... {options[-most // 2 :]}"


def told(differences: Sequence[Difference]) -> Iterator[str]:
    """A line for each difference, and how many more there were."""
    yield from (each.line for each in islice(differences, 40))
    if len(differences) > 40:
        yield f"... and {len(differences) - 40} more"
