# SPDX-License-Identifier: Apache-2.0
"""``subst`` on whole sets of names: what the host calls them, and which guest-side name gives a host-side one.

A ``subst`` is a transducer. Its image of a set is walked as a nondeterministic automaton: copy bytes, at the place that
the profile asks for read the first field and write the second instead (SHM-OPEN-05 to 07 and 09).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.audit.names.dfa import BYTES, DEAD, NOTHING, Dfa, Moves, either, explore, less
from harness.shmem.config import Subst
from harness.shmem.profile import Profile


def as_bytes(name: str) -> bytes:
    """The bytes of a name."""
    return name.encode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Replacement:
    """``original`` becomes ``prefix``: with ``anchored`` at the start of the name, with ``whole`` the name itself.

    With ``every`` all of its occurrences, from the left and without overlap, else the first one. An empty ``original``
    stands at the start of every name.
    """

    original: bytes
    prefix: bytes
    anchored: bool = False
    whole: bool = False
    every: bool = False

    def found(self, name: bytes) -> bool:
        """Whether the name has the first field where it is looked for."""
        if not self.original:
            return True
        if self.whole:
            return name == self.original
        return name.startswith(self.original) if self.anchored else self.original in name

    def replaced(self, name: bytes) -> bytes:
        """The name with the first field replaced, which is in it."""
        return name.replace(self.original, self.prefix, -1 if self.every else 1)


@dataclass(frozen=True, slots=True)
class Translation:
    """The substitutions of a vdev under a profile."""

    replacements: tuple[Replacement, ...]
    chained: bool
    unmatched: str

    @property
    def shrinks(self) -> bool:
        """Whether a host-side name may be shorter than the guest's."""
        return any(len(one.prefix) < len(one.original) for one in self.replacements)

    def _stages(self) -> Sequence[tuple[Replacement, ...]]:
        """Groups of replacements of which one applies, each on the result of the one before."""
        if not self.replacements:
            return ()
        return [(one,) for one in self.replacements] if self.chained else [self.replacements]

    def translate(self, name: bytes) -> bytes | None:
        """The host-side name, not yet judged; None where the profile refuses a name that no ``subst`` fits."""
        result: bytes | None = name
        for stage in self._stages():
            result = None if result is None else self._one(stage, result)
        return result

    def _one(self, stage: Sequence[Replacement], name: bytes) -> bytes | None:
        for replacement in stage:
            if replacement.found(name):
                return replacement.replaced(name)
        match self.unmatched:
            case "unchanged":
                return name
            case "prefixed":
                return stage[0].prefix + name
            case _:
                return None

    def image(self, names: Dfa, limit: int) -> Dfa:
        """The host-side names of all ``names``. Raises Entangled."""
        for stage in self._stages():
            names = self._stage_image(stage, names, limit)
        return names

    def _stage_image(self, stage: Sequence[Replacement], names: Dfa, limit: int) -> Dfa:
        """The image by one of several; all automata on the way together have at most ``limit`` states."""
        parts, left = [], limit
        for replacement in stage:
            parts.append(_Image(names, replacement).dfa(left))
            names = less(names, _having(replacement, limit), left)
            left -= len(parts[-1].edges) + len(names.edges)
        if self.unmatched == "unchanged":
            parts.append(names)
        elif self.unmatched == "prefixed":
            parts.append(_Image(names, Replacement(b"", stage[0].prefix, anchored=True)).dfa(limit))
        parts = [part for part in parts if not part.empty]
        return either(parts, limit) if len(parts) > 1 else parts[0] if parts else NOTHING

    def source(self, host_name: bytes, names: Dfa, limit: int) -> bytes | None:
        """One of ``names`` that becomes ``host_name``, or None when none does. Raises Entangled."""
        stages = self._stages()
        before = [names]
        for stage in stages[:-1]:
            before.append(self._stage_image(stage, before[-1], limit))
        found: bytes | None = host_name
        for stage, language in zip(reversed(stages), reversed(before[: len(stages)]), strict=True):
            found = None if found is None else self._stage_source(stage, language, found, limit)
        return found

    def _stage_source(self, stage: Sequence[Replacement], names: Dfa, result: bytes, limit: int) -> bytes | None:
        for replacement in stage:
            found = _Image(names, replacement).source(result)
            if found is not None:
                return found
            names = less(names, _having(replacement, limit), limit)
        if self.unmatched == "unchanged":
            return result if names.accepts(result) else None
        if self.unmatched == "prefixed":
            return _Image(names, Replacement(b"", stage[0].prefix, anchored=True)).source(result)
        return None


def translation(substs: Sequence[Subst], profile: Profile) -> Translation:
    """The substitutions under ``profile``, which must accept them."""
    chosen = substs[-1:] if profile.subst_several == "last" else substs
    every = profile.subst_occurrences == "all" and profile.subst_anchor == "anywhere"
    return Translation(
        tuple(
            Replacement(
                as_bytes(subst.original),
                as_bytes(subst.prefix),
                anchored=profile.subst_anchor == "start" or not subst.original,
                whole=profile.subst_anchor == "whole" and bool(subst.original),
                every=every and bool(subst.original),
            )
            for subst in chosen
        ),
        profile.subst_several == "chain",
        # A substitution in front of every name fits every name.
        "unchanged" if all(not subst.original for subst in chosen) else profile.subst_unmatched,
    )


def _failures(text: bytes) -> list[int]:
    """For each length of a part at the start of ``text`` the longest shorter one that is also its end."""
    table = [0] * (len(text) + 1)
    length = 0
    for at in range(1, len(text)):
        while length and text[at] != text[length]:
            length = table[length]
        length += text[at] == text[length]
        table[at + 1] = length
    return table


class _Search:
    """How much of a text has been met at the end of what was read."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._table = _failures(text)
        self.letters = frozenset(text)

    def step(self, met: int, byte: int) -> int:
        """How much is met after one more byte."""
        while met and (met == len(self._text) or self._text[met] != byte):
            met = self._table[met]
        return met + (met < len(self._text) and self._text[met] == byte)


def _having(replacement: Replacement, limit: int) -> Dfa:
    """The names that have the first field where it is looked for."""
    original = replacement.original
    if replacement.whole or replacement.anchored:
        count = len(original)
        edges = (*({byte: at + 1} for at, byte in enumerate(original)), {})
        others = (DEAD,) * count + (DEAD if replacement.whole else count,)
        return Dfa(edges, others, (False,) * count + (True,))
    search = _Search(original)

    def moves(met: int) -> Moves[int]:
        if met == len(original):
            return {}, met
        return {byte: search.step(met, byte) for byte in search.letters}, 0

    return explore(0, moves, lambda met: met == len(original), limit)


Branch = tuple[str, int, int]
"""Where one way through the image is: what it does, the state of the names' automaton, and a count.

``"copy"``: before any replacement, so much of the first field is met. ``"write"``: so much of the second field is
written. ``"again"``: behind a replacement, and more may follow. ``"rest"``: behind the only one.
"""


class _Image:
    """The names of a set that have the first field, with it replaced."""

    def __init__(self, names: Dfa, replacement: Replacement) -> None:
        self._names = names
        self._replacement = replacement
        self._search = _Search(replacement.original)

    def dfa(self, limit: int) -> Dfa:
        """The minimal automaton of the image. Raises Entangled."""
        if self._names.empty:
            return NOTHING
        return explore(self._closed({("copy", 0, 0)}, first=True), self._moves, self._accepts, limit)

    def source(self, result: bytes) -> bytes | None:
        """One of the names that becomes ``result``, or None."""
        read = self._read({("copy", 0, 0): b""}, first=True)
        for byte in result:
            following: dict[Branch, bytes] = {}
            for branch, name in read.items():
                target = self._after(branch, byte)
                longer = name if branch[0] == "write" else name + bytes([byte])
                if target is not None and len(longer) <= len(following.get(target, longer)):
                    following[target] = longer
            read = self._read(following)
        ends = [name for branch, name in read.items() if self._accepts(frozenset([branch]))]
        return min(ends, key=len, default=None)

    def _closed(self, branches: set[Branch], *, first: bool = False) -> frozenset[Branch]:
        """The branches and those that follow without writing a byte."""
        return frozenset(self._read(dict.fromkeys(branches, b""), first=first))

    def _read(self, branches: Mapping[Branch, bytes], *, first: bool = False) -> dict[Branch, bytes]:
        """The same, each with what was read of the name on a way to it."""
        at_start_only = self._replacement.anchored or self._replacement.whole
        met: dict[Branch, bytes] = {}
        waiting = list(branches.items())
        for branch, name in waiting:
            if branch in met:
                continue
            met[branch] = name
            kind, state, count = branch
            if kind == "again" or (kind == "copy" and (first or not at_start_only)):
                waiting += [(target, name + self._replacement.original) for target in self._replacing(state, count)]
            elif kind == "write" and count == len(self._replacement.prefix):
                waiting.append((("again" if self._replacement.every else "rest", state, 0), name))
        return {branch: name for branch, name in met.items() if self._goes_on(branch)}

    def _goes_on(self, branch: Branch) -> bool:
        """Whether the branch writes a byte next, or may end."""
        kind, _, count = branch
        if kind == "copy":
            return not (self._replacement.anchored or self._replacement.whole)
        return kind != "write" or count < len(self._replacement.prefix)

    def _replacing(self, state: int, met: int) -> Iterator[Branch]:
        """Read the first field here, if no earlier place has it."""
        original = self._replacement.original
        for at, byte in enumerate(original):
            state = self._names.step(state, byte)
            met = self._search.step(met, byte)
            if state == DEAD or (met == len(original) and at + 1 < len(original)):
                return
        yield ("write", state, 0)

    def _after(self, branch: Branch, byte: int) -> Branch | None:
        """The branch when ``byte`` is written."""
        kind, state, count = branch
        if kind == "write":
            written = count < len(self._replacement.prefix) and self._replacement.prefix[count] == byte
            return (kind, state, count + 1) if written else None
        if kind == "rest" and self._replacement.whole:
            return None
        target = self._names.step(state, byte)
        if target == DEAD:
            return None
        if kind == "rest":
            return (kind, target, 0)
        met = self._search.step(count, byte)
        # The first field would be in the part that is copied.
        return None if met == len(self._replacement.original) else (kind, target, met)

    def _moves(self, branches: frozenset[Branch]) -> Moves[frozenset[Branch]]:
        explicit: set[int] = set(self._search.letters)
        for kind, state, count in branches:
            if kind == "write":
                explicit.update(self._replacement.prefix[count : count + 1])
            else:
                explicit.update(self._names.edges[state])

        def after(byte: int) -> frozenset[Branch] | None:
            reached = {target for branch in branches if (target := self._after(branch, byte)) is not None}
            return self._closed(reached) if reached else None

        other = next(iter(BYTES - explicit), None)
        return {byte: after(byte) for byte in explicit}, None if other is None else after(other)

    def _accepts(self, branches: frozenset[Branch]) -> bool:
        """Whether a way ends here, behind a replacement."""
        return any(kind in ("again", "rest") and self._names.accepting[state] for kind, state, _ in branches)
