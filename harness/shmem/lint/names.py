# SPDX-License-Identifier: Apache-2.0
"""Remarks on substitutions and on the regions that ``create`` makes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.shmem.config import Position, ShmemVdev, Subst
from harness.shmem.config.variables import references
from harness.shmem.config.words import show
from harness.shmem.lint.findings import Warning_
from harness.shmem.oracle import Decider, creations
from harness.shmem.oracle.automaton import BudgetSpent
from harness.shmem.oracle.coverage import RuleMatcher
from harness.shmem.oracle.names import longest
from harness.shmem.oracle.patterns import compile_pattern, name_bytes
from harness.shmem.profile import Profile
from harness.shmem.status import Status


def _show(subst: Subst) -> str:
    return f"'subst {subst.original},{subst.prefix}'"


def check_names(vdev: ShmemVdev, profile: Profile, matcher: RuleMatcher | None) -> Iterator[Warning_]:
    """Remarks on the substitutions and creations of one vdev, whose lists the profile accepts.

    Without a ``matcher`` the rules are too entangled for one.
    """
    yield from _substs(vdev, profile)
    try:
        if matcher is None:
            raise BudgetSpent
        yield from _decided(vdev, Decider(vdev, profile, matcher), profile)
    except BudgetSpent:
        text = "the patterns overlap in too many ways; the names that the vdev mentions were not all looked up"
        yield Warning_("note", vdev.rules[0].position, text, "not-compared")


def _decided(vdev: ShmemVdev, decider: Decider, profile: Profile) -> Iterator[Warning_]:
    """What becomes of names. Raises BudgetSpent."""
    yield from _named(vdev, decider, profile)
    open_rules = any(references(rule.pattern) for rule in vdev.rules)
    for creation in creations(vdev, profile):
        name, where = creation.create.name, creation.create.position
        decision = decider.decide(name)
        if not decision.allowed and decision.status is not Status.ILLEGAL_NAME and not open_rules:
            by = (
                f"'{decision.rule.kind} {decision.rule.pattern}'"
                if decision.rule
                else f"the implied '{decision.implicit}'"
            )
            text = f"the guest may not use {show(name)}, which the vdev creates: {by} refuses it"
            yield Warning_("warning", where, text, "create-refused")
        if creation.host_name != decision.host_name:
            text = (
                f"{show(name)} is created as {show(creation.host_name)}, but the guest reaches "
                f"{show(decision.host_name)}: 'subst' stands behind it"
            )
            yield Warning_("warning", where, text, "create-before-subst")
        if creation.problem:
            yield Warning_("warning", where, f"{show(name)} cannot be created: {creation.problem}", "create-impossible")


def _named(vdev: ShmemVdev, decider: Decider, profile: Profile) -> Iterator[Warning_]:
    """What becomes of the names that the vdev itself mentions: those of creates and of exact rules."""
    named: dict[str, Position] = {}
    for create in vdev.creates:
        named.setdefault(create.name, create.position)
    for rule in vdev.rules:
        if rule.kind == "allow" and compile_pattern(rule.pattern, profile).exact and not references(rule.pattern):
            named.setdefault(rule.pattern, rule.position)
    reached: dict[str, str] = {}
    for name, where in named.items():
        decision = decider.decide(name)
        if decision.status is Status.ILLEGAL_NAME and vdev.substs and len(name_bytes(name)) <= longest(profile):
            text = f"{show(name)} becomes {show(decision.host_name)}, and {decision.reason}"
            yield Warning_("warning", where, text, "subst-overlong")
        elif decision.host_name in reached:
            text = f"{show(name)} and {show(reached[decision.host_name])} both become {show(decision.host_name)}"
            yield Warning_("warning", where, text, "subst-collision")
        reached.setdefault(decision.host_name, name)


_LONGEST_ORIGINAL = 256


class _Earlier:
    """The substitutions before one, to find one that fits every name which that fits, so that it is always used."""

    def __init__(self, profile: Profile) -> None:
        self._anchor = profile.subst_anchor if profile.subst_several == "first-found" else ""
        self._first: dict[str, tuple[int, Subst]] = {}
        self._lengths: set[int] = set()

    def add(self, subst: Subst) -> None:
        """Remember one more."""
        self._first.setdefault(subst.original, (len(self._first), subst))
        self._lengths.add(len(subst.original))

    def hides(self, subst: Subst) -> Subst | None:
        """The first of those before that hides ``subst``."""
        original = subst.original
        if not self._anchor or len(original) > _LONGEST_ORIGINAL:
            return None
        found = [
            self._first[part] for size in self._lengths for part in self._parts(original, size) if part in self._first
        ]
        return min(found, key=lambda entry: entry[0])[1] if found else None

    def _parts(self, original: str, size: int) -> Iterator[str]:
        """The first fields of a length that fit whenever ``original`` does."""
        if self._anchor == "anywhere":
            yield from (original[at : at + size] for at in range(len(original) - size + 1))
        elif size in (0, len(original)) or (self._anchor == "start" and size < len(original)):
            yield original[:size]


def _substs(vdev: ShmemVdev, profile: Profile) -> Iterator[Warning_]:
    earlier = _Earlier(profile)
    for subst in vdev.substs:
        hidden = earlier.hides(subst)
        earlier.add(subst)
        if hidden is not None:
            text = f"{_show(subst)} is never used: {_show(hidden)} (line {hidden.position.line}) fits first"
            yield Warning_("warning", subst.position, text, "unreachable-subst")
        if subst.original == subst.prefix:
            yield Warning_("warning", subst.position, f"{_show(subst)} changes no name", "subst-without-effect")
        size = len(name_bytes(subst.prefix))
        if size >= longest(profile):
            text = f"{_show(subst)} leaves no room for a name: the prefix alone has {size} bytes"
            yield Warning_("warning", subst.position, text, "subst-overlong")
    if not vdev.substs:
        return
    first = vdev.substs[0]
    if vdev.rules:
        text = "whether rules see a name before or after 'subst' is left open by the manual"
        yield Warning_("note", first.position, text, "rules-and-subst")
    restricted = any(rule.kind == "allow" for rule in vdev.rules)
    if not restricted and profile.subst_unmatched == "unchanged" and all(subst.original for subst in vdev.substs):
        text = (
            f"names without '{first.original}' reach the host unchanged, so this guest can name the regions of the "
            "others; an 'allow' would forbid it"
        )
        yield Warning_("note", first.position, text, "subst-open")


def check_together(vdevs: Sequence[ShmemVdev], profile: Profile) -> Iterator[Warning_]:
    """Regions that more than one ``create`` of the VM makes."""
    made: dict[str, Position] = {}
    for vdev in vdevs:
        for creation in creations(vdev, profile):
            if creation.host_name in made:
                text = f"the host's region {show(creation.host_name)} is created before, at {made[creation.host_name]}"
                yield Warning_("warning", creation.create.position, text, "duplicate-create")
            made.setdefault(creation.host_name, creation.create.position)
