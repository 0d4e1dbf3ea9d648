# SPDX-License-Identifier: Apache-2.0
"""A set of names in words: as patterns of ``allow``, with exceptions where that is shorter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from harness.audit.names.dfa import BYTES, DEAD, Dfa, beginning_with, less, minimal
from harness.audit.names.substitution import as_bytes

_MOST_PATTERNS: Final = 40
_SPECIAL: Final = frozenset(b"*?[\\")
_SPECIAL_IN_SETS: Final = frozenset(b"]\\-!^[")


class _TooMany(Exception):
    """The set has no short description."""


@dataclass(frozen=True)
class Description:
    """The names that match one of ``patterns`` and none of ``exceptions``, as they are written in a configuration.

    ``exact`` is False where the set has no short description; then the patterns are names out of it.
    """

    patterns: tuple[str, ...]
    exceptions: tuple[str, ...] = ()
    exact: bool = True

    def __str__(self) -> str:
        if not self.exact:
            return f"a set without a short description; some of its names: {_shown(self.patterns)}"
        text = _shown(self.patterns) or "nothing"
        return f"{text} except {_shown(self.exceptions)}" if self.exceptions else text


def _shown(patterns: tuple[str, ...]) -> str:
    """The patterns as a text that prints everywhere."""
    return ", ".join(spelled(as_bytes(pattern)) if pattern else "" for pattern in patterns)


def spelled(name: bytes) -> str:
    """The name as a text; bytes that do not print as ``\\xNN``."""
    if not name:
        return "''"
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}" for byte in name)


def describe(dfa: Dfa, examples: tuple[bytes, ...] = (), *, empty_counts: bool = False) -> Description:
    """The minimal automaton in words; ``examples`` are names of the set for want of anything better.

    Unless ``empty_counts``, no region has the empty name, so the description may cover it or not.
    """
    candidates = []
    for one in (dfa,) if empty_counts else (_with_empty(dfa, holds=True), _with_empty(dfa, holds=False)):
        positive = _attempt(one)
        if positive is not None:
            candidates.append(Description(positive))
        start = _beginning(dfa)
        if (negative := _attempt(_without(start, one))) is not None:
            pattern = b"".join(_one_of(frozenset([byte])) for byte in start) + b"*"
            candidates.append(Description((_text(pattern),), negative))
    if not candidates:
        return Description(tuple(map(_text, examples)), exact=False)
    return min(candidates, key=lambda one: (len(one.patterns) + 2 * len(one.exceptions), len(str(one))))


def _with_empty(dfa: Dfa, *, holds: bool) -> Dfa:
    """The set with the empty name, or without it."""
    edges = [
        {byte: target if target == DEAD else target + 1 for byte, target in one.items()}
        for one in (dfa.edges[0], *dfa.edges)
    ]
    others = tuple(target if target == DEAD else target + 1 for target in (dfa.others[0], *dfa.others))
    return minimal(Dfa(tuple(edges), others, (holds, *dfa.accepting)))


def _beginning(dfa: Dfa) -> bytes:
    """What all names of the minimal automaton begin with."""
    start, state = b"", 0
    while not dfa.accepting[state] and dfa.others[state] == DEAD and len(dfa.edges[state]) == 1:
        [(byte, state)] = dfa.edges[state].items()
        start += bytes([byte])
    return start


def _without(start: bytes, dfa: Dfa) -> Dfa:
    """The names with the beginning that the set does not hold, which has no others."""
    return less(beginning_with(start), dfa, len(dfa.others) + len(start) + 1) if start else _complement(dfa)


def _complement(dfa: Dfa) -> Dfa:
    sink = len(dfa.others)
    edges = [{byte: sink if target == DEAD else target for byte, target in one.items()} for one in dfa.edges]
    others = [sink if target == DEAD else target for target in dfa.others]
    return minimal(Dfa((*edges, {}), (*others, sink), (*(not accepts for accepts in dfa.accepting), True)))


def _attempt(dfa: Dfa) -> tuple[str, ...] | None:
    try:
        return tuple(map(_text, sorted(_patterns(dfa, 0, frozenset(), [_MOST_PATTERNS * 40]))))
    except _TooMany:
        return None


def _text(pattern: bytes) -> str:
    """A pattern as the reader of a configuration has it."""
    return pattern.decode("utf-8", "surrogateescape")


def _patterns(dfa: Dfa, state: int, above: frozenset[int], left: list[int]) -> list[bytes]:
    """Patterns for what is accepted from ``state``. Raises _TooMany, also for a loop that is no trailing ``*``."""
    if dfa.universal(state):
        return [b"*"]
    left[0] -= 1
    if state in above or left[0] < 0:
        raise _TooMany
    found = [b""] if dfa.accepting[state] else []
    by_target: dict[int, set[int]] = {}
    for byte, target in dfa.edges[state].items():
        by_target.setdefault(target, set()).add(byte)
    groups = [
        (_one_of(frozenset(members)), target)
        for target, members in by_target.items()
        if target not in (DEAD, dfa.others[state])
    ]
    if dfa.others[state] != DEAD and len(dfa.edges[state]) < len(BYTES):
        unlike = frozenset(byte for byte, target in dfa.edges[state].items() if target != dfa.others[state])
        groups.append((b"[!%b]" % _members(unlike) if unlike else b"?", dfa.others[state]))
    for text, target in groups:
        found += [text + rest for rest in _patterns(dfa, target, above | {state}, left)]
        if len(found) > _MOST_PATTERNS:
            raise _TooMany
    return found


def _one_of(members: frozenset[int]) -> bytes:
    if len(members) == 1:
        return _ordinary(next(iter(members)), _SPECIAL)
    return b"[%b]" % _members(members)


def _ordinary(byte: int, special: frozenset[int]) -> bytes:
    """The byte as one that stands for itself."""
    return (b"\\" if byte in special else b"") + bytes([byte])


def _members(members: frozenset[int]) -> bytes:
    """The inside of a set, with ranges of three and more."""
    text = b""
    rest = sorted(members)
    while rest:
        end = 1
        while end < len(rest) and rest[end] == rest[0] + end:
            end += 1
        part = [_ordinary(byte, _SPECIAL_IN_SETS) for byte in rest[:end]]
        text += part[0] + b"-" + part[-1] if end > 2 else b"".join(part)
        rest = rest[end:]
    return text
