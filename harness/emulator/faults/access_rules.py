# SPDX-License-Identifier: Apache-2.0
"""Faults of the restrictions list: which rule decides, and which names its pattern covers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from harness.emulator.device.pattern import Pattern, _Star
from harness.emulator.device.rules import Rules
from harness.emulator.faults.registration import fault

fault(
    name="rules-last-match",
    group="access",
    text="the last rule that covers a name decides",
    replace={
        (Rules, "decisive"): lambda _: lambda self, found: found[-1],
    },
)


fault(
    name="rules-deny-wins",
    group="access",
    text="a deny decides wherever it stands",
    replace={
        (Rules, "decisive"): lambda _: (
            lambda self, found: next((rule for rule in found if rule.kind == "deny"), found[0])
        ),
    },
)


fault(
    name="rules-allow-wins",
    group="access",
    text="an allow decides wherever it stands",
    replace={
        (Rules, "decisive"): lambda _: (
            lambda self, found: next((rule for rule in found if rule.kind == "allow"), found[0])
        ),
    },
)


fault(
    name="rules-most-specific",
    group="access",
    text="the pattern with the most plain characters decides",
    replace={
        (Rules, "decisive"): lambda _: (
            lambda self, found: max(found, key=lambda rule: len(rule.pattern.replace("*", "")))
        ),
    },
)


fault(
    name="rules-inverted",
    group="access",
    text="allow denies and deny allows",
    replace={
        (Rules, "permits"): lambda original: lambda self, name: not original(self, name),
    },
)


fault(
    name="rules-ignored",
    group="access",
    text="the list is ignored",
    replace={
        (Rules, "permits"): lambda _: lambda self, name: True,
    },
)


fault(
    name="implicit-deny-missing",
    group="access",
    text="what no rule covers is permitted in spite of an allow",
    replace={
        (Rules, "implicit"): lambda _: lambda self: True,
    },
)


fault(
    name="implicit-allow-missing",
    group="access",
    text="what no rule covers is refused although nothing is allowed by name",
    replace={
        (Rules, "implicit"): lambda _: lambda self: not self.list,
    },
)


fault(
    name="empty-list-denies",
    group="access",
    text="without any rule nothing is permitted",
    replace={
        (Rules, "implicit"): lambda original: lambda self: bool(self.list) and original(self),
    },
)


fault(
    name="implicit-mixed-allow",
    group="access",
    text="a list of both kinds ends with an implied allow",
    replace={
        (Rules, "implicit"): lambda original: lambda self: self.is_mixed(self.list) or original(self),
    },
)


fault(
    name="rule-first-lost",
    group="access",
    text="the first rule is lost",
    replace={
        (Rules, "usable"): lambda original: lambda self, rules: original(self, rules)[1:],
    },
)


fault(
    name="rule-last-lost",
    group="access",
    text="the last rule of several is lost",
    replace={
        (Rules, "usable"): lambda original: lambda self, rules: original(self, rules)[: max(1, len(rules) - 1)],
    },
)


fault(
    name="rules-one-of-a-kind",
    group="access",
    text="a repeated option replaces the one before it",
    replace={
        (Rules, "usable"): lambda original: (
            lambda self, rules: list({rule.kind: rule for rule in original(self, rules)}.values())
        ),
    },
)


class _FirstAnswerForAll:
    """Remembers the first answer and gives it for ever."""

    def __init__(self, original: Callable[..., Any]) -> None:
        self._original = original
        self._answer: Any = None

    def __get__(self, instance: Any, _owner: Any) -> Callable[..., Any]:
        return lambda rules: self._give(instance, rules)

    def _give(self, instance: Any, rules: Sequence[Any]) -> Any:
        if self._answer is None and rules:
            self._answer = self._original(instance, rules)
        return self._original(instance, rules) if self._answer is None else self._answer


fault(
    name="rules-of-first-vm",
    group="access",
    text="every VM has the rules of the first one",
    replace={
        (Rules, "usable"): lambda original: _FirstAnswerForAll(original),
    },
)


fault(
    name="rule-prefix",
    group="access",
    text="a pattern covers every longer name",
    replace={
        (Rules, "matches"): lambda original: (
            lambda self, rule, name: original(self, rule, name) or name.startswith(rule.pattern.rstrip("*"))
        ),
    },
)


fault(
    name="rule-substring",
    group="access",
    text="a pattern covers names that contain it",
    replace={
        (Rules, "matches"): lambda original: (
            lambda self, rule, name: original(self, rule, name) or rule.pattern.strip("*") in name
        ),
    },
)


fault(
    name="rule-case-blind",
    group="access",
    text="upper and lower case are the same",
    replace={
        (Rules, "matches"): lambda original: (
            lambda self, rule, name: original(self, rule, name) or rule.pattern.rstrip("*").lower() == name.lower()
        ),
    },
)


def _matches_regular_expression(pattern: str, name: str) -> bool:
    try:
        return re.fullmatch(pattern, name) is not None
    except re.error:
        return False


fault(
    name="rule-regular-expression",
    group="access",
    text="patterns are regular expressions",
    replace={
        (Rules, "matches"): lambda _: lambda self, rule, name: _matches_regular_expression(rule.pattern, name),
    },
)


fault(
    name="rule-star-not-empty",
    group="access",
    text="a star stands for at least one character",
    replace={
        (Rules, "matches"): lambda original: (
            lambda self, rule, name: (
                (original(self, rule, name) and rule.pattern.replace("*", "") != name)
                or ("*" not in rule.pattern and rule.pattern == name)
            )
        ),
    },
)


fault(
    name="rule-first-eight",
    group="access",
    text="only the first eight characters of a name count",
    replace={
        (Rules, "matches"): lambda original: (
            lambda self, rule, name: original(self, rule, name) or rule.pattern[:8] == name[:8]
        ),
    },
)


fault(
    name="rule-question-any-length",
    group="access",
    text="a question mark stands for any number of characters",
    replace={
        (Rules, "matches"): lambda original: (
            lambda self, rule, name: (
                original(self, rule, name)
                or (
                    "?" in rule.pattern and re.fullmatch(re.escape(rule.pattern).replace(r"\?", ".*"), name) is not None
                )
            )
        ),
    },
)


fault(
    name="rule-brackets-plain",
    group="access",
    text="brackets are ordinary characters",
    replace={
        (Pattern, "_set"): lambda _: lambda self: None,
    },
)


def _match_opening_character_behind_star(original: Callable[..., Any]) -> Callable[..., Any]:
    def step(self: Pattern) -> Any:
        opening, behind_star = self._text[self._position], vars(self).get("starred", False)
        made = original(self)
        vars(self)["starred"] = isinstance(made, _Star)
        if behind_star and not isinstance(made, _Star) and opening in "[\\" and opening in self._special:
            return lambda character: character == opening and made(character)
        return made

    return step


fault(
    name="rule-star-seeks-plain",
    group="access",
    text="a star skips to the character that stands behind it, also where that opens a set or an escape",
    replace={
        (Pattern, "_step"): _match_opening_character_behind_star,
    },
)


_CUT_LENGTH = 16


fault(
    name="pattern-cut",
    group="access",
    text="only the first sixteen characters of a pattern count",
    replace={
        (Rules, "matches"): lambda original: (
            lambda self, rule, name: (
                fnmatchcase(name, rule.pattern[:_CUT_LENGTH])
                if len(rule.pattern) > _CUT_LENGTH
                else original(self, rule, name)
            )
        ),
    },
)


_FEW_RULES = 4


fault(
    name="rules-beyond-four-lost",
    group="access",
    text="a list has four rules at most",
    replace={
        (Rules, "usable"): lambda original: lambda self, rules: original(self, rules)[:_FEW_RULES],
    },
)


def _covers_without_going_back(pattern: Pattern, name: str) -> bool:
    """Follow the pattern without ever coming back to a star."""
    at, skipping = 0, False
    for step in pattern._steps:
        if hasattr(step, "accepts"):
            skipping = True
            continue
        while skipping and at < len(name) and not step(name[at]):
            at += 1
        if at == len(name) or not step(name[at]):
            return False
        at, skipping = at + 1, False
    return skipping or at == len(name)


fault(
    name="rule-star-first-stop",
    group="access",
    text="a star ends at the first character that what follows it begins with",
    replace={
        (Pattern, "covers"): lambda original: (
            lambda self, name: original(self, name) and _covers_without_going_back(self, name)
        ),
    },
)
