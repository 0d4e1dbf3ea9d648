# SPDX-License-Identifier: Apache-2.0
"""Remarks on substitutions and on the regions that ``create`` makes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.shmem.config import Position, ShmemVdev, Subst
from harness.shmem.config.words import show
from harness.shmem.lint.findings import Warning_
from harness.shmem.oracle import creations, decide
from harness.shmem.oracle.names import longest
from harness.shmem.oracle.patterns import compile_pattern, name_bytes
from harness.shmem.profile import Profile
from harness.shmem.status import Status


def _show(subst: Subst) -> str:
    return f"'subst {subst.original},{subst.prefix}'"


def check_names(vdev: ShmemVdev, profile: Profile) -> Iterator[Warning_]:
    """Remarks on the substitutions and creations of one vdev, whose lists the profile accepts."""
    yield from _substs(vdev, profile)
    yield from _named(vdev, profile)
    for creation in creations(vdev, profile):
        name, where = creation.create.name, creation.create.position
        decision = decide(vdev, name, profile)
        if not decision.allowed and decision.status is not Status.ILLEGAL_NAME:
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


def _named(vdev: ShmemVdev, profile: Profile) -> Iterator[Warning_]:
    """What becomes of the names that the vdev itself mentions: those of creates and of exact rules."""
    named: dict[str, Position] = {}
    for create in vdev.creates:
        named.setdefault(create.name, create.position)
    for rule in vdev.rules:
        if rule.kind == "allow" and compile_pattern(rule.pattern, profile).exact:
            named.setdefault(rule.pattern, rule.position)
    reached: dict[str, str] = {}
    for name, where in named.items():
        decision = decide(vdev, name, profile)
        if decision.status is Status.ILLEGAL_NAME and vdev.substs and len(name_bytes(name)) <= longest(profile):
            text = f"{show(name)} becomes {show(decision.host_name)}, and {decision.reason}"
            yield Warning_("warning", where, text, "subst-overlong")
        elif decision.host_name in reached:
            text = f"{show(name)} and {show(reached[decision.host_name])} both become {show(decision.host_name)}"
            yield Warning_("warning", where, text, "subst-collision")
        reached.setdefault(decision.host_name, name)


def _hidden_by(subst: Subst, earlier: Sequence[Subst], profile: Profile) -> Subst | None:
    """An earlier substitution that fits every name that ``subst`` fits, so that it is always the one that is used."""
    if profile.subst_several != "first-found":
        return None
    for other in earlier:
        covers = {
            "anywhere": other.original in subst.original,
            "start": subst.original.startswith(other.original),
            "whole": other.original in ("", subst.original),
        }[profile.subst_anchor]
        if covers:
            return other
    return None


def _substs(vdev: ShmemVdev, profile: Profile) -> Iterator[Warning_]:
    for index, subst in enumerate(vdev.substs):
        hidden = _hidden_by(subst, vdev.substs[:index], profile)
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
