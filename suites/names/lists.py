# SPDX-License-Identifier: Apache-2.0
"""The lists that are tried, and the names that are tried on each: generated, with fixed seeds.

Three starts of guests. ``patterns`` has short lists of patterns of every form, nested and combined, over an alphabet so
small that whole sets of names can be tried, others on each architecture; ``lists`` has lists of 1 to 1,000 rules, of
one kind and mixed, whose rules overlap; ``substitutions`` has every form of ``subst``, with rules, with ``create``, and
with names around every limit.
"""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Final, Literal

from harness.shmem.boundaries import LIST_LENGTHS, byte_counts, orders
from harness.shmem.config import RuleKind
from harness.shmem.name_lists import Made, Name, NameItem, Words
from harness.shmem.profile import PROFILES
from harness.shmem.registers import MAX_NAME_LENGTH, NAME_SIZE
from suites.names.boundaries import beside, covered, of_the_greatest_length, with_every_value

Start = Literal["patterns", "lists", "substitutions"]
ALIKE: Final[tuple[Start, ...]] = ("lists", "substitutions")
"""Starts that are the same for each architecture: no rule asks for it, so benches of one item share their lists."""

_BASE: Final = PROFILES["7.0"]

_LITERALS: Final = ("a", "b", "a", "b", "-", ".")
_WILD: Final = ("*", "?", "*", "?", "**", "*?", "?*")
_SETS: Final = (
    "[ab]", "[a-b]", "[b-d]", "[!a]", "[^b]", "[!a-b]", "[^-a]", "[]a]", "[!]a]", "[a-]", "[-b]", "[*?]", "[[:digit:]]",
    "[![:alpha:]]", "[[:lower:]b-]", "[[:upper:][:punct:]]", "[[:xdigit:]]", "[:digit:]", "[b-a]", "[[.a]", "[a",
    r"[\]]", r"[\-b]", r"[!\a]", r"[a\-c]", r"[\[-\]]",
)  # fmt: skip
_ESCAPES: Final = (r"\*", r"\?", r"\[", r"\a", r"\\", r"\-", r"[\\]")
_FORMS: Final = (_LITERALS, _WILD, _SETS, _ESCAPES)
_CLASSES: Final = (
    "alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "xdigit", "word",
)  # fmt: skip
_PLAIN: Final = string.ascii_letters + string.digits + "!%&()*+,-.:;<=>?@[\\]^_`{|}~"
"""What can stand in a pattern without quotes of the configuration's own."""
_QUOTE: Final = "\\"
_OF_SETS: Final = ("-", "]", "\\")
"""Characters that mean something inside a set."""
_QUOTED_HYPHEN: Final = r"\-"
_BEYOND_ASCII: Final = "\u00a1\u00bf\u00e9\u00ff\u0390\u07ff\u20ac\uffee"
"""Characters of two and three bytes, each of which is one member of a set; a host may take them for negative."""


@dataclass(frozen=True)
class Listed:
    """One ``vdev shmem``: its ``options`` as configuration text, and the ``items`` to ask it for."""

    options: str
    items: tuple[NameItem, ...]


@cache
def listed(start: Start, architecture: str | None) -> tuple[Listed, ...]:
    """The vdevs of a start; what is drawn at random is drawn anew for each architecture."""
    make = {"patterns": _of_patterns, "lists": _of_lists, "substitutions": _of_substitutions}[start]
    return tuple(make(Random(f"names, {start}" + (f", {architecture}" if architecture else ""))))


# Patterns


def _of_patterns(random: Random) -> Iterator[Listed]:
    """Lists of one to three rules: every form next to every other in some of them, allowed, denied and mixed."""
    kinds: tuple[tuple[RuleKind, ...], ...] = (
        ("allow", "allow", "allow"), ("deny", "deny", "deny"), ("deny", "allow", "deny"), ("allow", "deny", "allow"),
    )  # fmt: skip
    shapes = [(before, after) for before in _FORMS for after in _FORMS]
    for number in range(_PATTERN_LISTS):
        patterns = [_pattern(random, *shapes[(3 * number + place) % len(shapes)]) for place in range(3)]
        rules = list(zip(kinds[number % len(kinds)], patterns, strict=True))
        yield Listed(_options(rules), tuple(_around(random, patterns, per_pattern=2)))
    for number in range(_SET_LISTS):
        yield _of_sets(random, kinds[number % len(kinds)])
    yield _of_classes(random, random.choice(kinds))
    for number in range(_CHARACTER_LISTS):
        yield _of_characters(random, kinds[(number + 2) % len(kinds)])
    for number in range(_BROKEN_LISTS):
        yield _of_broken(random, kinds[(number + 1) % len(kinds)])
    for number in range(_LONG_LISTS):
        long = [_starred(random, count) for count in random.sample(range(3, _MOST_STARS), 4)]
        long += [_long_pattern(random) for _ in range(3)]
        rules = list(zip(itertools.cycle(kinds[number % len(kinds)]), long, strict=False))
        yield Listed(_options(rules), tuple(_around(random, long, per_pattern=1)))


_PATTERN_LISTS: Final = 8
_SET_LISTS: Final = 4
_SETS_OF_A_LIST: Final = 12
_CHARACTER_LISTS: Final = 2
_BROKEN_LISTS: Final = 2
_BROKEN_OF_A_LIST: Final = 12
_LONG_LISTS: Final = 2
_MOST_ELEMENTS: Final = 16
_MOST_STARS: Final = 14


def _of_sets(random: Random, kinds: Sequence[RuleKind]) -> Listed:
    """Sets that are put together at random, each behind a letter of its own, with every byte in their places."""
    rules: list[tuple[RuleKind, str]] = []
    items: list[NameItem] = []
    for number in range(_SETS_OF_A_LIST):
        letter = chr(ord("a") + number)
        end, name = random.choice((("", ""), ("x", "x"), ("*", ""), ("*", "x")))
        rules.append((kinds[number % len(kinds)], f"{letter}{_set(random)}{end}"))
        items.append(Made("any", f"{letter}?{name}".encode(), 1))
    return Listed(_options(rules), tuple(items))


def _of_classes(random: Random, kinds: Sequence[RuleKind]) -> Listed:
    """Every class of characters, or what is not in it, alone and behind a letter of its own, with every byte."""
    letters = string.ascii_lowercase[: len(_CLASSES)]
    patterns = [f"{letter}[{random.choice(('', '!'))}[:{one}:]]" for letter, one in zip(letters, _CLASSES, strict=True)]
    rules = list(zip(itertools.cycle(kinds), patterns, strict=False))
    return Listed(_options(rules), tuple(Made("any", f"{letter}?".encode(), 1) for letter in letters))


def _of_characters(random: Random, kinds: Sequence[RuleKind]) -> Listed:
    """A rule for each of most characters, which stand for themselves, quoted or not, with every byte in their place."""
    wild = set("*?[\\")
    some = random.sample(_PLAIN, len(_PLAIN) * 4 // 5)
    patterns = [f"k{random.choice(('', _QUOTE)) if one not in wild else _QUOTE}{one}" for one in some]
    rules = list(zip(itertools.cycle(kinds), patterns, strict=False))
    return Listed(_options(rules), (Made("any", b"k?", 1), Words(b"k" + "".join(some[:2]).encode(), 0, 3)))


def _of_broken(random: Random, kinds: Sequence[RuleKind]) -> Listed:
    """Patterns with a set that is never closed or a quote of nothing, each behind a letter of its own.

    What stands behind the broken part is a pattern as any other.
    """
    patterns = [f"{chr(ord('a') + number)}{_broken(random)}" for number in range(_BROKEN_OF_A_LIST)]
    items: list[NameItem] = []
    for pattern in patterns:
        items.append(Name(pattern.encode()[:NAME_SIZE]))
        for _ in range(4):
            name = covered(random, pattern, _BASE)
            items += [Name(name.name), *beside(random, name)]
    return Listed(_options(list(zip(itertools.cycle(kinds), patterns, strict=False))), tuple(items))


def _broken(random: Random) -> str:
    opened = random.choice(("[", "[!", "[^", "[a", "[a-", "[!a", "[[:digit:", "[[.a.", "x[b", "*[", "?["))
    behind = [random.choice(random.choice((_WILD, _LITERALS, _ESCAPES[:2]))) for _ in range(random.randint(1, 4))]
    return f"{opened}{''.join(behind)}{random.choice(('', '', _QUOTE))}"


def _set(random: Random) -> str:
    """A set of characters, ranges and classes, of any characters that a configuration takes."""
    negation = random.choice(("", "", "!", "^"))
    members = [_member(random) for _ in range(random.randint(1, 4))]
    return f"[{random.choice(('', '', ']', '-'))}{negation}{''.join(members)}{random.choice(('', '', '-'))}]"


def _member(random: Random) -> str:
    kind = random.random()
    if kind < 0.2:
        return f"[:{random.choice(_CLASSES)}:]"
    if kind < 0.35:
        return "\\" + random.choice((_character(random), *_OF_SETS))
    if kind < 0.65:
        return _character(random)
    # A range, or three characters where the one that would make it a range is quoted.
    return f"{_character(random)}{random.choice(('-', '-', _QUOTED_HYPHEN))}{_character(random)}"


def _character(random: Random) -> str:
    return random.choice((random.choice("abxzAZ09_.~!^*?[+"), random.choice(_BEYOND_ASCII)))


def _pattern(random: Random, *shape: Sequence[str]) -> str:
    """A pattern in which an element of each form of the shape follows the one before; others may stand around them."""
    around = [random.choice(random.choice(_FORMS)) for _ in range(random.randrange(3))]
    at = random.randrange(len(around) + 1)
    return "".join([*around[:at], *(random.choice(form) for form in shape), *around[at:]])


def _starred(random: Random, count: int) -> str:
    """A pattern with so many stars, with one or two elements between them, behind a letter of its own."""
    between = ("a", "b", "?", "ab", "[ab]", r"\*")
    return chr(ord("a") + count) + "".join(f"*{random.choice(between)}" for _ in range(count))


def _long_pattern(random: Random) -> str:
    """A pattern of many elements, most of them of one or two forms: many stars, or more bytes than a name has."""
    forms = random.sample(_FORMS, 2)
    elements = [random.choice(random.choice((*forms, _LITERALS))) for _ in range(random.randint(6, _MOST_ELEMENTS))]
    return "".join(elements)


def _around(random: Random, patterns: Sequence[str], per_pattern: int) -> Iterator[NameItem]:
    """Names that each pattern covers and what lies next to them, and all words over the letters of the patterns."""
    for pattern in patterns:
        yield Name(pattern.encode()[:NAME_SIZE])
        one, *others = (covered(random, pattern, _BASE) for _ in range(per_pattern))
        yield from with_every_value(random, one)
        for name in (one, *others):
            yield from beside(random, name)
        yield from of_the_greatest_length(random, one.name)
    yield Words(_letters(patterns), 0, 4)


def _letters(patterns: Sequence[str]) -> bytes:
    """Two letters, and those of the patterns' own characters that are something else in other places."""
    special = sorted(set("".join(patterns)) & set(r"*?[]!^-\."))
    return b"ab" + "".join(special).encode()[:3]


# Lists


def _of_lists(random: Random) -> Iterator[Listed]:
    """Every length with each kind of list, in turns."""
    kinds: tuple[tuple[RuleKind, ...], ...] = (("allow",), ("deny",), ("deny", "allow"))
    for number, length in enumerate([*LIST_LENGTHS, *LIST_LENGTHS[:3]]):
        rules = _rules(random, length, kinds[number % len(kinds)])
        yield Listed(_options(rules), tuple(_of_rules(random, [pattern for _, pattern in rules])))


def _rules(random: Random, length: int, kinds: Sequence[RuleKind]) -> list[tuple[RuleKind, str]]:
    """Rules of names and stems, no two of them equal; many a name is the stem of another one or covered by one."""
    patterns: dict[str, None] = {}
    while len(patterns) < length:
        word = "".join(random.choice("abc") for _ in range(random.randrange(3, 10)))
        for pattern in random.sample([word, f"{word[: -2 if length < 10 else None]}*", f"{word}-1", f"{word}d"], 2):
            patterns[pattern] = None
    return list(zip(itertools.cycle(kinds), list(patterns)[:length], strict=False))


_PROBED_RULES: Final = 24


def _of_rules(random: Random, patterns: Sequence[str]) -> Iterator[NameItem]:
    """The name of every rule, and what lies beside the first, the last and some of the others."""
    yield from (Name(pattern.rstrip("*").encode()) for pattern in patterns)
    chosen = sorted({0, len(patterns) - 1, *random.sample(range(len(patterns)), min(_PROBED_RULES, len(patterns)))})
    for number in chosen:
        name = covered(random, patterns[number], _BASE).name
        yield from (Made("drop", name), Made("flip", name, 1), Made("insert", name, ord("b")), Made("cut", name))
    yield from of_the_greatest_length(random, patterns[0].rstrip("*").encode())
    yield from of_the_greatest_length(random, b"d")
    yield Words(b"abc", 0, 4)


# Substitutions

_PREFIXES: Final = ("g-", "guest-seven-", "a-prefix-of-31-characters-long-")
_SUBSTITUTIONS: Final = (
    "subst ,{}", "subst aa,{}", "subst ab,{}", "subst a,{}b subst b,x-", "subst aa,{} subst ,z-",
    "deny b* subst ,{}", "allow a* deny *b subst a,{}", "allow ab* create abab,0x3000 subst ab,{}",
    "subst ab,{} create ab,0x2000 create abba,0x1000", "subst aba,{} allow *", "create a,4096 subst {},b deny b",
    "subst ab,ab-{}", "subst aa,baab subst b,a-", "subst a,xa deny xa*", "subst ab,ab",
)  # fmt: skip


_DRAWN_SUBSTITUTIONS: Final = 6
_FIELDS: Final = ("", "a", "ab", "b", "aa", "x")
_IN_ANY_ORDER: Final = ("allow ab*", "subst ab,h-", "create abx,0x2000", "allow b?a", "deny abb")


def _of_substitutions(random: Random) -> Iterator[Listed]:
    """Every form with a prefix of another length, and names with the first field at every place and at every length.

    Then several substitutions in any order, and the same options in several orders.
    """
    for number, form in enumerate(_SUBSTITUTIONS):
        prefix = _PREFIXES[number % len(_PREFIXES)]
        yield Listed(form.format(prefix), tuple(_with_fields(random, form.format(prefix))))
    for _ in range(_DRAWN_SUBSTITUTIONS):
        several = random.sample(_FIELDS, k=random.randint(2, 4))
        options = " ".join(f"subst {field},{random.choice(('', 'g-', 'x', 'ab'))}" for field in several)
        yield Listed(options, (Words(b"abx", 0, 4), Made("grow", several[0].encode() + b"b", ord("a"))))
    for order in orders(_IN_ANY_ORDER):
        yield Listed(" ".join(order), (Words(b"abx", 0, 4), Made("grow", b"ab", ord("b"))))


def _with_fields(random: Random, options: str) -> Iterator[NameItem]:
    fields = [word.partition(",")[0].encode() for before, word in _pairs(options.split()) if before == "subst"]
    first = next(filter(None, fields), b"a")
    yield Words(b"abx", 0, 5)
    for name in (first, b"x"):
        yield from of_the_greatest_length(random, name)
        shorter = name + b"y" * (MAX_NAME_LENGTH - len(name) - max(map(len, _PREFIXES[:2])))
        yield from (Name(shorter), Made("flip", shorter, 1))
    for name in (first, first + b"x" + first, b"x" + first, first * 2, first[:-1]):
        yield from (Made("grow", name, ord("y")), Made("flip", name, 1), Made("drop", name), Made("twice", name))
    for length in byte_counts(NAME_SIZE):
        word = bytes(random.choice(b"abxy") for _ in range(length))
        yield from (Name(word), Made("insert", word[:MAX_NAME_LENGTH], ord("a")))
    yield Made("any", first + b"mem", random.randrange(len(first) + 1))


def _pairs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    return itertools.pairwise(words)


def _options(rules: Sequence[tuple[RuleKind, str]]) -> str:
    return " ".join(f"{kind} {pattern}" for kind, pattern in rules)
