# SPDX-License-Identifier: Apache-2.0
"""Faults of the restrictions list."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from harness.emulator.device.device import SharedMemoryDevice
from harness.emulator.device.pattern import Pattern, _Star
from harness.emulator.device.regions import Refused
from harness.emulator.device.requests import Requests
from harness.emulator.device.rules import Rules
from harness.emulator.faults.catalogue import fault_in, refuse
from harness.shmem.status import Status

_rule = partial(fault_in, Rules, "access")
_request = partial(fault_in, Requests, "access")


_rule(
    "rules-last-match", "the last rule that covers a name decides", "decisive", lambda _: lambda self, found: found[-1]
)
_rule(
    "rules-deny-wins",
    "a denial decides wherever it stands",
    "decisive",
    lambda _: lambda self, found: next((rule for rule in found if rule.kind == "deny"), found[0]),
)
_rule(
    "rules-allow-wins",
    "an allowance decides wherever it stands",
    "decisive",
    lambda _: lambda self, found: next((rule for rule in found if rule.kind == "allow"), found[0]),
)
_rule(
    "rules-most-specific",
    "the pattern with the most plain characters decides",
    "decisive",
    lambda _: lambda self, found: max(found, key=lambda rule: len(rule.pattern.replace("*", ""))),
)
_rule("rules-inverted", "allow denies and deny allows", "permits", lambda was: lambda self, name: not was(self, name))
_rule("rules-ignored", "the list is not looked at", "permits", lambda _: lambda self, name: True)
_rule(
    "implicit-deny-missing",
    "what no rule covers is permitted in spite of an allow",
    "implicit",
    lambda _: lambda self: True,
)
_rule(
    "implicit-allow-missing",
    "what no rule covers is refused although nothing is allowed by name",
    "implicit",
    lambda _: lambda self: not self.list,
)
_rule(
    "empty-list-denies",
    "without any rule nothing is permitted",
    "implicit",
    lambda was: lambda self: bool(self.list) and was(self),
)
_rule(
    "implicit-mixed-allow",
    "a list of both kinds ends with an allowance",
    "implicit",
    lambda was: lambda self: self.is_mixed(self.list) or was(self),
)
_rule("rule-first-lost", "the first rule is lost", "usable", lambda was: lambda self, rules: was(self, rules)[1:])
_rule(
    "rule-last-lost",
    "the last rule of several is lost",
    "usable",
    lambda was: lambda self, rules: was(self, rules)[: max(1, len(rules) - 1)],
)
_rule(
    "rules-one-of-a-kind",
    "a repeated option replaces the one before it",
    "usable",
    lambda was: lambda self, rules: list({rule.kind: rule for rule in was(self, rules)}.values()),
)
_rule(
    "rules-of-first-vm",
    "every VM has the rules of the first one",
    "usable",
    lambda was: _Once(was),
)
_rule(
    "rule-prefix",
    "a pattern covers every longer name",
    "matches",
    lambda was: lambda self, rule, name: was(self, rule, name) or name.startswith(rule.pattern.rstrip("*")),
)
_rule(
    "rule-substring",
    "a pattern covers names that contain it",
    "matches",
    lambda was: lambda self, rule, name: was(self, rule, name) or rule.pattern.strip("*") in name,
)
_rule(
    "rule-case-blind",
    "upper and lower case are the same",
    "matches",
    lambda was: lambda self, rule, name: was(self, rule, name) or rule.pattern.rstrip("*").lower() == name.lower(),
)
_rule(
    "rule-regular-expression",
    "patterns are regular expressions",
    "matches",
    lambda _: lambda self, rule, name: _matches_expression(rule.pattern, name),
)
_rule(
    "rule-star-not-empty",
    "a star stands for at least one character",
    "matches",
    lambda was: (
        lambda self, rule, name: (
            (was(self, rule, name) and rule.pattern.replace("*", "") != name)
            or ("*" not in rule.pattern and rule.pattern == name)
        )
    ),
)
_rule(
    "rule-first-eight",
    "only the first eight characters of a name count",
    "matches",
    lambda was: lambda self, rule, name: was(self, rule, name) or rule.pattern[:8] == name[:8],
)
_rule(
    "rule-question-any-length",
    "a question mark stands for any number of characters",
    "matches",
    lambda was: (
        lambda self, rule, name: (
            was(self, rule, name)
            or ("?" in rule.pattern and re.fullmatch(re.escape(rule.pattern).replace(r"\?", ".*"), name) is not None)
        )
    ),
)
fault_in(
    Pattern,
    "access",
    "rule-brackets-plain",
    "brackets are ordinary characters",
    "_set",
    lambda _: lambda self: None,
)


class _Once:
    """Remembers the first answer and gives it for ever."""

    def __init__(self, was: Callable[..., Any]) -> None:
        self._was = was
        self._answer: Any = None

    def __get__(self, instance: Any, _owner: Any) -> Callable[..., Any]:
        return lambda rules: self._give(instance, rules)

    def _give(self, instance: Any, rules: Sequence[Any]) -> Any:
        if self._answer is None and rules:
            self._answer = self._was(instance, rules)
        return self._was(instance, rules) if self._answer is None else self._answer


def _matches_expression(pattern: str, name: str) -> bool:
    try:
        return re.fullmatch(pattern, name) is not None
    except re.error:
        return False


_request(
    "deny-only-at-creation",
    "a refused name can be attached once somebody has created it",
    "check_rules",
    lambda was: (
        lambda self, guest_name, name: (
            None if self.registry.find(self.rules.host_name(guest_name)) else was(self, guest_name, name)
        )
    ),
)
_request(
    "allow-only-at-attach",
    "a permitted name can be attached but not created",
    "create",
    lambda was: lambda self, name, pages: refuse(Status.NO_PERMISSION) if self.rules.list else was(self, name, pages),
)


def _check_rules_and_create(was: Callable[..., None]) -> Callable[..., None]:
    def check_rules(self: Requests, guest_name: str, name: str) -> None:
        try:
            was(self, guest_name, name)
        except Refused:
            if self.registry.find(guest_name) is None and self.factory.size:
                self.registry.create(guest_name, self.factory.size, creator=self.system, lifetime="last-client")
            raise

    return check_rules


_request("refusal-creates", "a refused request leaves a region on the host", "check_rules", _check_rules_and_create)
fault_in(
    Rules,
    "access",
    "denied-as-unknown",
    "a refusal by a rule is reported as an unclassified failure",
    "denied",
    lambda _: property(lambda self: Status.UNKNOWN_FAILURE),
)
fault_in(
    SharedMemoryDevice,
    "access",
    "denied-as-success",
    "a refused request reports success",
    "failed",
    lambda was: lambda self, status, size: was(self, Status.OK if status == Status.NO_PERMISSION else status, size),
)


def _plain_behind_star(was: Callable[..., Any]) -> Callable[..., Any]:
    def step(self: Pattern) -> Any:
        opening, behind_star = self._text[self._position], vars(self).get("starred", False)
        made = was(self)
        vars(self)["starred"] = isinstance(made, _Star)
        if behind_star and not isinstance(made, _Star) and opening in "[\\" and opening in self._special:
            return lambda character: character == opening and made(character)
        return made

    return step


fault_in(
    Pattern,
    "access",
    "rule-star-seeks-plain",
    "a star skips to the character that stands behind it, also where that opens a set or an escape",
    "_step",
    _plain_behind_star,
)
