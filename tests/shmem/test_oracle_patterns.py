# SPDX-License-Identifier: Apache-2.0
"""Patterns against a definition by exhaustion, against the C library's own matcher, and case by case."""

from __future__ import annotations

import ctypes
import ctypes.util
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.shmem.oracle.patterns import compile_pattern, name_bytes
from harness.shmem.profile import PROFILES, Profile

FNM_PATHNAME, FNM_PERIOD, FNM_NOESCAPE = 1, 4, 2
LIBC = ctypes.CDLL(ctypes.util.find_library("c"))


def c_library_says(pattern: str, name: str, flags: int = 0) -> bool:
    """fnmatch(3). Only for ASCII: beyond that it follows the locale, and the oracle compares bytes."""
    return bool(LIBC.fnmatch(name_bytes(pattern), name_bytes(name), flags) == 0)


def matches(pattern: str, name: str, **readings: str) -> bool:
    """What the oracle says in the dialect of 7.0 with the given readings."""
    return compile_pattern(pattern, Profile.load("7.0", readings)).matches(name_bytes(name))


def by_definition(pattern: str, name: str) -> bool:
    """Patterns of '*', '?' and ordinary characters, straight from the definition: try every way."""
    if not pattern:
        return not name
    head, rest = pattern[0], pattern[1:]
    if head == "*":
        return any(by_definition(rest, name[skip:]) for skip in range(len(name) + 1))
    return bool(name) and (head == "?" or head == name[0]) and by_definition(rest, name[1:])


def strings(alphabet: str, longest: int) -> list[str]:
    """All strings over an alphabet up to a length."""
    return ["".join(letters) for size in range(longest + 1) for letters in product(alphabet, repeat=size)]


def test_all_short_patterns_on_all_short_names() -> None:
    profile = PROFILES["7.0"]
    names = strings("ab", 4)
    for text in strings("ab*?", 4):
        pattern = compile_pattern(text, profile)
        assert [pattern.matches(name.encode()) for name in names] == [by_definition(text, name) for name in names], text


# An unclosed set, a class that does not exist and a trailing backslash are the C library's own business.
ordinary = st.sampled_from("abAB019._- ")
members = st.one_of(
    ordinary.map(lambda char: char if char != "-" else ""),
    st.sampled_from(["a-c", "0-9", "A-B", "b-a", "[:alpha:]", "[:digit:]", "[:punct:]", "\\]", "\\a", "!", "^"]),
)
sets = st.builds(
    lambda sign, first, rest: f"[{sign}{first}{''.join(rest)}]",
    st.sampled_from(["", "!", "^"]),
    st.sampled_from(["]", "a", "-", "x-z", "[:upper:]", "_"]),
    st.lists(members, max_size=3),
)
patterns = st.lists(
    st.one_of(ordinary, st.just("*"), st.just("?"), sets, ordinary.map(lambda char: "\\" + char), st.just("\\*")),
    max_size=5,
).map("".join)
names = st.text(st.sampled_from("abcABxz019._-]*?\\![ ^"), max_size=6)


SIGNS = ["", "!", "^"]
FIRSTS = ["]", "a", "-", "x-z", "[:upper:]", "_"]
SECONDS = ["", "b", "a-c", "0-9", "A-B", "b-a", "[:alpha:]", "[:digit:]", "[:punct:]", "\\]", "\\a", "!", "^", "-"]


@pytest.mark.parametrize(("sign", "first"), list(product(SIGNS, FIRSTS)))
def test_sets_on_every_character(sign: str, first: str) -> None:
    """Names chosen by chance seldom hit the ends of a range."""
    characters = [chr(code) for code in range(0x20, 0x7F)]
    for second in SECONDS:
        text = f"[{sign}{first}{second}]"
        pattern = compile_pattern(text, PROFILES["7.0"])
        ours = "".join(char for char in characters if pattern.matches(char.encode()))
        assert ours == "".join(char for char in characters if c_library_says(text, char)), text


@settings(max_examples=600, deadline=None)
@given(patterns, names)
def test_the_c_library_agrees(pattern: str, name: str) -> None:
    assert matches(pattern, name) == c_library_says(pattern, name)


@settings(max_examples=300, deadline=None)
@given(patterns.map(lambda text: text.replace("\\", "")), names)
def test_the_c_library_agrees_without_escapes(pattern: str, name: str) -> None:
    assert matches(pattern, name, pattern_syntax="glob") == c_library_says(pattern, name, FNM_NOESCAPE)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(["a", ".", "/", "*", "?", "[.a]", "[!b]", "b"]), max_size=5).map("".join),
    st.text(st.sampled_from("ab./"), max_size=6),
    st.booleans(),
    st.booleans(),
)
def test_the_c_library_agrees_on_slash_and_dot(pattern: str, name: str, slash: bool, dot: bool) -> None:
    readings = {
        "pattern_slash": "separator" if slash else "ordinary",
        "pattern_dot": "explicit" if dot else "ordinary",
    }
    if slash and dot and "/." in name:
        return  # fnmatch() then guards the dot behind each slash, too; names are not paths, so the oracle does not.
    flags = (FNM_PATHNAME if slash else 0) | (FNM_PERIOD if dot else 0)
    assert matches(pattern, name, **readings) == c_library_says(pattern, name, flags)


CASES = [
    # pattern, name, reading, whether it matches
    ("pluto", "pluto", {}, True),
    ("pluto", "Pluto", {}, False),
    ("pluto", "Pluto", {"pattern_case": "insensitive"}, True),
    ("[a-c]X", "Bx", {"pattern_case": "insensitive"}, True),
    ("[!a]", "A", {"pattern_case": "insensitive"}, False),
    ("plu?o", "pluto", {}, True),
    ("plu?o", "pluto", {"pattern_syntax": "star"}, False),
    ("plu?o", "plu?o", {"pattern_syntax": "star"}, True),
    ("[ab]", "[ab]", {"pattern_syntax": "star"}, True),
    ("[ab]", "a", {"pattern_syntax": "star"}, False),
    ("a\\*", "a*", {}, True),
    ("a\\*", "ab", {}, False),
    ("a\\*", "a\\b", {"pattern_syntax": "glob"}, True),
    ("a\\", "a\\", {}, True),
    ("[ab", "[ab", {}, True),
    ("[ab", "a", {}, False),
    ("[]", "[]", {}, True),
    ("[]a]", "]", {}, True),
    ("[!]a]", "]", {}, False),
    ("[a-]", "-", {}, True),
    ("[b-a]", "b", {}, False),
    ("[[:digit:]x]", "7", {}, True),
    ("[[:nothing:]]", "n", {}, False),
    ("[[:]", "[", {}, True),
    ("[[:]", ":", {}, True),
    ("[[:a]:]", "a:]", {}, True),
    ("[[:DIGIT:]]", "D]", {}, True),
    ("[a-[:alpha:]]", "a", {}, False),
    ("[a-[:alpha:]]", "a]", {}, True),
    ("[\\]]", "]", {}, True),
    ("[\\]", "\\", {"pattern_syntax": "glob"}, True),
    ("a*b", "a/b", {}, True),
    ("a*b", "a/b", {"pattern_slash": "separator"}, False),
    ("a/*", "a/b", {"pattern_slash": "separator"}, True),
    ("*", ".a", {}, True),
    ("*", ".a", {"pattern_dot": "explicit"}, False),
    ("*", "a.b", {"pattern_dot": "explicit"}, True),
    ("*.a", ".a", {"pattern_dot": "explicit"}, False),
    (".*", ".a", {"pattern_dot": "explicit"}, True),
    ("[.]a", ".a", {"pattern_dot": "explicit"}, False),
    ("??", "é", {}, True),
    ("?", "é", {}, False),
    ("é*", "éa", {}, True),
    ("*****", "", {}, True),
    ("", "", {}, True),
    ("", "a", {}, False),
]


@pytest.mark.parametrize(("pattern", "name", "readings", "expected"), CASES)
def test_case(pattern: str, name: str, readings: dict[str, str], expected: bool) -> None:
    assert matches(pattern, name, **readings) is expected


def test_many_stars_take_no_time() -> None:
    assert not matches("*a" * 40, "a" * 31 + "b")


def test_specificity_prefers_exact_then_longer_literals() -> None:
    profile = PROFILES["7.0"]
    order = ["*", "?", "n*", "[n]eo", "ne*", "neo*", "?neoneo", "neo", "neo1"]
    ranks = [compile_pattern(text, profile).specificity for text in order]
    assert ranks == sorted(ranks)
    assert ranks[0] == ranks[1]
