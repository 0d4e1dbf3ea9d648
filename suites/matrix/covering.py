# SPDX-License-Identifier: Apache-2.0
"""The configurations of the matrix, and the names that are tried on each.

A covering array over what a configuration is made of: every pair of levels occurs in some configuration, so also every
rule list with every pattern form. Each configuration meets a name in every relation to its first pattern, by creating
or by attaching in turns, on every architecture: therefore every triple of rule list, pattern form and name relation
occurs, and every pair of anything. No rule asks for the placement of the devices: it takes turns, and is another one on
the other architecture.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from covertable import make

from harness.shmem.registers import MAX_NAME_LENGTH

GUESTS: Final = 7
"""Configured guests that start together; a peer without restrictions starts with them."""

FACTORS: Final[dict[str, list[str]]] = {
    "rules": ["", "allow", "deny", "allow allow", "deny deny", "deny allow", "allow deny", "deny allow deny"],
    "form": ["name", "stem*", "*tail", "st*il", "?", "[a-o]", "[!a-n]"],
    "others": ["apart", "same", "wider", "narrower", "crossing"],
    "subst": ["none", "prefix", "stem", "middle", "absent", "two"],
    "create": ["none", "covered", "uncovered", "before-subst"],
}
"""What a configuration is made of: the kinds of its rules in order; the form of the first rule's pattern; how the
patterns of the other rules lie to it; what is substituted; what is created, and whether that is written first."""

RELATIONS: Final = (
    "equal",
    "longer",
    "shorter",
    "before",
    "bare",
    "letter-in-set",
    "letter-not-in-set",
    "other-case",
    "twice",
    "31-characters",
    "32-characters",
    "empty",
    "pattern-text",
    "slash",
    "leading-dot",
    "space",
)
"""What a name can be to the first pattern. ``equal`` is covered by every form; ``bare`` is the pattern without its
metacharacters; ``pattern-text`` has the metacharacters as its own characters."""

Operation = Literal["create", "attach"]
OPERATIONS: Final[tuple[Operation, ...]] = ("create", "attach")

_BOTH_WAYS = ("equal", "longer")
_CREATED_PAGES = 2
_PAGE = 4096


@dataclass(frozen=True)
class Configuration:
    """One guest's ``vdev shmem``: its ``options`` as configuration text, the ``levels`` of FACTORS that it shows, the
    ``names`` to try on it by relation, and the ``operations`` to try them by."""

    options: str
    levels: dict[str, str]
    names: dict[str, str]
    operations: dict[str, tuple[Operation, ...]]


@cache
def starts() -> tuple[tuple[Configuration, ...], ...]:
    """All configurations, in groups of those that start together."""
    rows = [_configuration(levels, number) for number, levels in enumerate(_rows())]
    return tuple(tuple(rows[first : first + GUESTS]) for first in range(0, len(rows), GUESTS))


def _rows() -> list[dict[str, str]]:
    """The rows of the covering array."""
    rows: list[dict[str, str]] = make(FACTORS, strength=2, constraints=_constraints())
    return rows


def _constraints() -> list[dict[str, object]]:
    """Factors that a list is too short for stay at their first level."""

    def is_rules(*kinds: str) -> dict[str, object]:
        equal = [{"operator": "eq", "left": "rules", "value": kind} for kind in kinds]
        return {"operator": "or", "conditions": equal}

    def unless(condition: dict[str, object], factor: str) -> dict[str, object]:
        first = {"operator": "eq", "left": factor, "value": FACTORS[factor][0]}
        return {"operator": "or", "conditions": [{"operator": "not", "condition": condition}, first]}

    return [unless(is_rules("", "allow", "deny"), "others"), unless(is_rules(""), "form")]


def _configuration(levels: dict[str, str], number: int) -> Configuration:
    """The configuration that shows ``levels``.

    Guests of a group have words of their own, so that the regions of one are in nobody else's way.
    """
    place = number % GUESTS
    word = f"s{place}arboard"
    first = _pattern(levels["form"], word)
    patterns = [first, *_others(levels["others"], first, word)]
    rules = [f"{kind} {pattern}" for kind, pattern in zip(levels["rules"].split(), patterns, strict=False)]
    create, subst = _create(levels["create"], word), _subst(levels["subst"], word, place)
    order = [create, *subst] if levels["create"] == "before-subst" else [*subst, create]
    return Configuration(
        " ".join(filter(None, [*rules, *order])),
        dict(levels),
        _names(levels["form"], first, word),
        {relation: _operations(relation, number + index) for index, relation in enumerate(RELATIONS)},
    )


def _operations(relation: str, turn: int) -> tuple[Operation, ...]:
    return OPERATIONS if relation in _BOTH_WAYS else (OPERATIONS[turn % len(OPERATIONS)],)


def _pattern(form: str, word: str) -> str:
    """A pattern that covers ``word``, whose sixth character is an 'o'."""
    return {
        "name": word,
        "stem*": f"{word[:4]}*",
        "*tail": f"*{word[4:]}",
        "st*il": f"{word[:3]}*{word[-3:]}",
        "?": f"{word[:5]}?{word[6:]}",
        "[a-o]": f"{word[:5]}[a-o]{word[6:]}",
        "[!a-n]": f"{word[:5]}[!a-n]{word[6:]}",
    }[form]


def _others(how: str, first: str, word: str) -> list[str]:
    """The patterns of the second and the third rule."""
    return {
        "apart": ["moon*", "mars"],
        "same": [first, first],
        "wider": [f"{word[:2]}*", "*"],
        "narrower": [word, f"{word}x"],
        "crossing": [f"{word[:2]}*d", "*x"],
    }[how]


def _subst(how: str, word: str, place: int) -> list[str]:
    prefix = f"vm{place}-"
    return {
        "none": [],
        "prefix": [f"subst ,{prefix}"],
        "stem": [f"subst {word[:4]},{prefix}"],
        "middle": [f"subst {word[4:6]},{prefix}"],
        "absent": [f"subst moon,{prefix}"],
        "two": [f"subst {word[4:6]},{prefix}", f"subst {word[:4]},other{place}-"],
    }[how]


def _create(what: str, word: str) -> str:
    name = {"none": "", "covered": word, "uncovered": f"vault{word[1]}", "before-subst": word}[what]
    return name and f"create {name},{_CREATED_PAGES * _PAGE:#x}"


def _names(form: str, pattern: str, word: str) -> dict[str, str]:
    long = _padded(form, word, MAX_NAME_LENGTH)
    bare = {"name": word[:4], "stem*": word[:4], "*tail": word[4:], "st*il": word[:3] + word[-3:]}
    return {
        "equal": word,
        "longer": f"{word}x",
        "shorter": word[:-1],
        "before": f"x{word}",
        "bare": bare.get(form, word[:5] + word[6:]),
        "letter-in-set": f"{word[:5]}e{word[6:]}",
        "letter-not-in-set": f"{word[:5]}u{word[6:]}",
        "other-case": word.upper(),
        "twice": word + word,
        "31-characters": long,
        "32-characters": _padded(form, word, MAX_NAME_LENGTH + 1),
        "empty": "",
        "pattern-text": pattern if form != "name" else f"{word}*",
        "slash": f"{word[:4]}/{word[4:]}",
        "leading-dot": f".{word}",
        "space": f"{word[:4]} {word[4:]}",
    }


def _padded(form: str, word: str, length: int) -> str:
    """A name of that length, which the pattern covers if it has a star."""
    padding = "x" * (length - len(word))
    at = {"*tail": 0, "st*il": 3}.get(form, len(word))
    return word[:at] + padding + word[at:]
