# SPDX-License-Identifier: Apache-2.0
"""A set of names in words: as patterns of ``allow``, with exceptions where that is shorter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from harness.audit.names.dfa import BYTES, DEAD, Dfa, minimal

_MOST_PATTERNS: Final = 40
_SPECIAL: Final = frozenset(b"*?[\\")


class _TooMany(Exception):
    """The set has no short description."""


@dataclass(frozen=True)
class Description:
    """The names that match one of ``patterns`` and none of ``exceptions``.

    ``exact`` is False where the set has no short description; then the patterns are names out of it.
    """

    patterns: tuple[str, ...]
    exceptions: tuple[str, ...] = ()
    exact: bool = True

    def __str__(self) -> str:
        if not self.exact:
            return f"a set without a short description; some of its names: {', '.join(self.patterns)}"
        text = ", ".join(self.patterns) or "nothing"
        return f"{text} except {', '.join(self.exceptions)}" if self.exceptions else text


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
        if (negative := _attempt(_complement(one))) is not None:
            candidates.append(Description(("*",), negative))
    if not candidates:
        return Description(tuple(spelled(name) for name in examples), exact=False)
    return min(candidates, key=lambda one: (len(one.patterns) + 2 * len(one.exceptions), len(str(one))))


def _with_empty(dfa: Dfa, *, holds: bool) -> Dfa:
    """The set with the empty name, or without it."""
    edges = [
        {byte: target if target == DEAD else target + 1 for byte, target in one.items()}
        for one in (dfa.edges[0], *dfa.edges)
    ]
    others = tuple(target if target == DEAD else target + 1 for target in (dfa.others[0], *dfa.others))
    return minimal(Dfa(tuple(edges), others, (holds, *dfa.accepting)))


def _complement(dfa: Dfa) -> Dfa:
    sink = len(dfa.others)
    edges = [{byte: sink if target == DEAD else target for byte, target in one.items()} for one in dfa.edges]
    others = [sink if target == DEAD else target for target in dfa.others]
    return minimal(Dfa((*edges, {}), (*others, sink), (*(not accepts for accepts in dfa.accepting), True)))


def _attempt(dfa: Dfa) -> tuple[str, ...] | None:
    try:
        return tuple(sorted(_patterns(dfa, 0, frozenset(), [_MOST_PATTERNS * 40])))
    except _TooMany:
        return None


def _patterns(dfa: Dfa, state: int, above: frozenset[int], left: list[int]) -> list[str]:
    """Patterns for what is accepted from ``state``. Raises _TooMany, also for a loop that is no trailing ``*``."""
    if dfa.universal(state):
        return ["*"]
    left[0] -= 1
    if state in above or left[0] < 0:
        raise _TooMany
    found = [""] if dfa.accepting[state] else []
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
        groups.append((f"[!{_members(unlike)}]" if unlike else "?", dfa.others[state]))
    for text, target in groups:
        found += [text + rest for rest in _patterns(dfa, target, above | {state}, left)]
        if len(found) > _MOST_PATTERNS:
            raise _TooMany
    return found


def _one_of(members: frozenset[int]) -> str:
    if len(members) == 1:
        byte = next(iter(members))
        return ("\\" if byte in _SPECIAL else "") + spelled(bytes([byte]))
    return f"[{_members(members)}]"


def _members(members: frozenset[int]) -> str:
    """The inside of a set, with ranges of three and more."""
    text = ""
    rest = sorted(members)
    while rest:
        end = 1
        while end < len(rest) and rest[end] == rest[0] + end:
            end += 1
        part = [spelled(bytes([byte])) for byte in rest[:end]]
        text += f"{part[0]}-{part[-1]}" if end > 2 else "".join(part)
        rest = rest[end:]
    return text
