# SPDX-License-Identifier: Apache-2.0
"""Which regions a guest may reach, and what they are called on the host: the emulated host's own reading.

Source: QNX Hypervisor 7.0 User's Guide, "vdev shmem", options ``allow``, ``deny`` and ``subst``; open questions are
answered by the profile. The harness's oracle is another reading of the same text; the two never share code.

Names and patterns are byte strings carried as text with one character a byte (Latin-1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from harness.emulator.device.pattern import Pattern
from harness.emulator.device.regions import RequestFailed
from harness.shmem.config import Rule, ShmemVdev, Subst
from harness.shmem.profile import Profile
from harness.shmem.registers import MAX_NAME_LENGTH, NAME_SIZE
from harness.shmem.status import Status


def as_bytes(text: str) -> str:
    """A word of a configuration as its bytes, one character each."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def as_text(name: str) -> str:
    """The same the other way: a region's name as people and programs read and write it."""
    return name.encode("latin-1").decode("utf-8", "surrogateescape")


class Rules:
    """The restrictions list and the substitutions of one device."""

    def __init__(self, vdev: ShmemVdev, profile: Profile) -> None:
        self.profile = profile
        self.list = self.usable(vdev.rules)
        self.substitutions = list(vdev.substs)
        self._patterns = {rule: Pattern(as_bytes(rule.pattern), profile) for rule in self.list}

    def usable(self, rules: Sequence[Rule]) -> list[Rule]:
        """The rules that count: some readings of a mixed list ignore one kind altogether."""
        if self.is_mixed(rules) and self.profile.mixed_rules in ("allow-only", "deny-only"):
            kept = self.profile.mixed_rules.removesuffix("-only")
            return [rule for rule in rules if rule.kind == kept]
        return list(rules)

    @staticmethod
    def is_mixed(rules: Sequence[Rule]) -> bool:
        """Whether both kinds are there."""
        return len({rule.kind for rule in rules}) == 2

    # --- restrictions

    def permits(self, name: str) -> bool:
        """What the list says of a name; one that no rule covers falls to the implicit last rule."""
        covering = self.covering(name)
        if not covering:
            return self.implicit()
        return self.decisive(covering).kind == "allow"

    def covering(self, name: str) -> list[Rule]:
        """The rules that cover the name, in the order of the list."""
        return [rule for rule in self.list if self.matches(rule, name)]

    def matches(self, rule: Rule, name: str) -> bool:
        """Whether the rule covers the name."""
        return self._patterns[rule].covers(name)

    def decisive(self, covering: Sequence[Rule]) -> Rule:
        """The rule that decides among those that cover a name."""
        match self.profile.mixed_rules:
            case "last-match":
                return covering[-1]
            case "deny-wins":
                return next((rule for rule in covering if rule.kind == "deny"), covering[0])
            case "most-specific":
                return max(covering, key=lambda rule: self._patterns[rule].specificity)
            case "first-match" | "allow-only" | "deny-only" | "rejected":
                return covering[0]
            case order:
                assert_never(order)

    def implicit(self) -> bool:
        """The rule after the last one: one ``allow`` anywhere closes the list with a denial of everything."""
        kinds = [rule.kind for rule in self.list]
        if not self.is_mixed(self.list):
            return "allow" not in kinds
        match self.profile.mixed_tail:
            case "first-kind":
                return kinds[0] == "deny"
            case "last-kind":
                return kinds[-1] == "deny"
            case tail:
                return tail == "allow"

    # --- substitution

    def host_name(self, guest_name: str) -> str:
        """The name under which the host knows the guest's region. Raises RequestFailed when it can have none."""
        return self.fitting(self.translated(guest_name, self.substitutions))

    def created_name(self, guest_name: str, before: Sequence[Subst]) -> str:
        """The host's name for a ``create``, given the substitutions ``before`` it. Raises RequestFailed."""
        match self.profile.subst_on_create:
            case "ignored":
                return self.fitting(guest_name)
            case "global":
                return self.fitting(self.translated(guest_name, self.substitutions))
            case _:
                return self.fitting(self.translated(guest_name, before))

    def fitting(self, host_name: str) -> str:
        """The name if it fits the register; else what the profile makes of it."""
        longest = NAME_SIZE if self.profile.name_unterminated == "legal" else MAX_NAME_LENGTH
        if len(host_name) <= longest:
            return host_name
        if self.profile.overlong_host_name == "truncated":
            return host_name[:longest]
        raise RequestFailed(Status.ILLEGAL_NAME)

    def translated(self, name: str, substitutions: Sequence[Subst]) -> str:
        """The name after the substitutions that count."""
        if not substitutions:
            return name
        match self.profile.subst_several:
            case "chain":
                for substitution in substitutions:
                    name = self.substituted(name, substitution)
                return name
            case "last":
                return self.substituted(name, substitutions[-1])
            case _:
                found = (entry for entry in substitutions if self.occurs(as_bytes(entry.original), name))
                return self.substituted(name, next(found, substitutions[0]))

    def substituted(self, name: str, substitution: Subst) -> str:
        """One substitution: an empty first field puts the prefix in front, otherwise the first field is replaced."""
        original, prefix = as_bytes(substitution.original), as_bytes(substitution.prefix)
        if not self.occurs(original, name):
            return self.unmatched(name, prefix)
        if original == "":
            return prefix + name
        everywhere = self.profile.subst_anchor == "anywhere" and self.profile.subst_occurrences == "all"
        return name.replace(original, prefix, -1 if everywhere else 1)

    def occurs(self, original: str, name: str) -> bool:
        """Whether the first field is found in the name; an empty one always is."""
        if original == "" or self.profile.subst_anchor == "anywhere":
            return original in name
        if self.profile.subst_anchor == "whole":
            return name == original
        return name.startswith(original)

    def unmatched(self, name: str, prefix: str) -> str:
        """A name in which the first field is not found. Raises RequestFailed."""
        if self.profile.subst_unmatched == "refused":
            raise RequestFailed(self.denied)
        return prefix + name if self.profile.subst_unmatched == "prefixed" else name

    @property
    def denied(self) -> Status:
        """The status code of a request that a rule refuses."""
        return Status[self.profile.denied_status]
