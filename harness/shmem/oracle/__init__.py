# SPDX-License-Identifier: Apache-2.0
"""The harness's own reading of the documentation: what a ``vdev shmem`` must permit, and under which name.

Written from the specification alone; the emulator has a reading of its own, and neither imports the other. The order
is: the name must be legal; with ``rules_see`` = 'guest-name' the rules are asked, then the name is translated and the
host-side name must be legal; with 'host-name' it is translated and judged first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from harness.shmem.config import ConfigError, Create, Gid, Rule, ShmemVdev, Subst, Umask
from harness.shmem.config.validate import list_problems
from harness.shmem.oracle import names, rules
from harness.shmem.oracle.coverage import RuleMatcher
from harness.shmem.oracle.patterns import name_bytes
from harness.shmem.oracle.rules import Implicit
from harness.shmem.profile import Profile
from harness.shmem.registers import PAGE_SIZE, pages
from harness.shmem.status import Status

__all__ = [
    "Creation",
    "Decider",
    "Decision",
    "Implicit",
    "can_start",
    "check",
    "creations",
    "decide",
    "guest_group",
    "guest_mode",
    "matching_rules",
]

DEFAULT_MODE = 0o666
"""Permissions of a region for which nothing says otherwise (8.0); execute bits are never set."""


@dataclass(frozen=True)
class Decision:
    """Whether a guest may create or attach a region, why, and what the host calls it.

    ``rule`` or ``implicit`` decided about it; with neither, the vdev has no rules, or ``reason`` says what else did.
    ``status`` is what the device answers when only the names decide; a lack of resources can add other errors.
    """

    allowed: bool
    rule: Rule | None
    implicit: Implicit | None
    host_name: str
    status: Status = Status.OK
    reason: str = ""


@dataclass(frozen=True)
class Creation:
    """What a ``create`` option makes before the guest runs; ``problem`` says why it cannot be made.

    ``mode`` and ``gid`` are None where the profile knows no permissions, ``gid`` also for qvm's own group.
    """

    create: Create
    host_name: str
    pages: int
    mode: int | None
    gid: str | None
    problem: str = ""


def check(vdev: ShmemVdev, profile: Profile) -> None:
    """Raise ConfigError when the profile refuses the rules or substitutions of ``vdev``."""
    for problem in list_problems(vdev, profile):
        raise problem


def _host_name(name: str, substs: tuple[Subst, ...], profile: Profile) -> tuple[str | None, str]:
    """The host-side name, or None with the reason why there is none."""
    host_name = names.translate(name, substs, profile)
    if host_name is None:
        return None, "no 'subst' fits the name"
    if profile.overlong_host_name == "truncated":
        host_name = names.cut(host_name, names.longest(profile))
    problem = names.illegality(host_name, profile)
    return host_name, f"on the host's side {problem}" if problem else ""


_Verdicts = Callable[[str], rules.Verdict]
"""What a restrictions list says about the name that the profile shows to it."""


def _listed(vdev: ShmemVdev, guest_name: str, name: str, profile: Profile, verdicts: _Verdicts) -> Decision:
    """What the restrictions list says about ``name``."""
    if profile.create_vs_rules == "implies-allow" and any(create.name == guest_name for create in vdev.creates):
        return Decision(True, None, None, "", reason="the vdev creates the region")
    outcome = verdicts(name)
    rule = None if outcome.index is None else vdev.rules[outcome.index]
    status = Status.OK if outcome.allowed else Status[profile.denied_status]
    return Decision(outcome.allowed, rule, outcome.implicit, "", status)


def decide(vdev: ShmemVdev, guest_name: str, profile: Profile) -> Decision:
    """Whether the guest behind ``vdev`` may use the region that it calls ``guest_name``.

    ``host_name`` of the result is filled in also for a refused name as far as there is one. Raises ConfigError when
    the profile refuses the configuration itself.
    """
    check(vdev, profile)

    def verdicts(name: str) -> rules.Verdict:
        return rules.verdict(vdev.rules, rules.matches(vdev.rules, name, profile), profile)

    return _decision(vdev, guest_name, profile, verdicts)


def _decision(vdev: ShmemVdev, guest_name: str, profile: Profile, verdicts: _Verdicts) -> Decision:
    """The decision about a name, given what the list says about any."""
    name = names.as_requested(guest_name, profile)
    if problem := names.illegality(name, profile):
        return Decision(False, None, None, name, Status.ILLEGAL_NAME, problem)
    host_name, name_problem = _host_name(name, vdev.substs, profile)
    by_guest_name = profile.rules_see == "guest-name"
    if by_guest_name or not name_problem:
        listed = _listed(vdev, name, name if by_guest_name or host_name is None else host_name, profile, verdicts)
        if not listed.allowed or not name_problem:
            return replace(listed, host_name=name if host_name is None else host_name)
    if host_name is None:
        return Decision(False, None, None, name, Status[profile.denied_status], name_problem)
    return Decision(False, None, None, host_name, Status.ILLEGAL_NAME, name_problem)


class Decider:
    """:func:`decide` about many names of one vdev: the list is prepared once, and a name costs what its bytes cost.

    ``matcher`` is one for the rules of the vdev. Raises ConfigError as :func:`decide` does, and BudgetSpent for a list
    that is too entangled.
    """

    def __init__(self, vdev: ShmemVdev, profile: Profile, matcher: RuleMatcher) -> None:
        check(vdev, profile)
        self._vdev = vdev
        self._profile = profile
        self._matcher = matcher
        self._ranking = rules.Ranking(vdev.rules, profile)

    def decide(self, guest_name: str) -> Decision:
        """Whether the guest may use the region that it calls ``guest_name``."""
        return _decision(self._vdev, guest_name, self._profile, self._verdict)

    def _verdict(self, name: str) -> rules.Verdict:
        return self._ranking.verdict(self._matcher.matching(name_bytes(name)))


def matching_rules(vdev: ShmemVdev, guest_name: str, profile: Profile) -> list[bool]:
    """For each rule of ``vdev`` whether its pattern matches the name that the profile shows to rules."""
    name = names.as_requested(guest_name, profile)
    if profile.rules_see == "host-name":
        name = _host_name(name, vdev.substs, profile)[0] or name
    return rules.matches(vdev.rules, name, profile)


def guest_mode(vdev: ShmemVdev, flags: int, profile: Profile) -> int:
    """Permissions of a region that the guest creates with this value of the flags register (8.0)."""
    asked = DEFAULT_MODE if flags == 0 and profile.flags_zero == "default-mode" else flags
    umasks = [option.bits for option in vdev.options if isinstance(option, Umask)]
    return asked & DEFAULT_MODE & ~(umasks[-1] if umasks else 0)


def guest_group(vdev: ShmemVdev) -> str | None:
    """The owner group of a region that the guest makes: that of the last ``gid`` of ``vdev``, None for qvm's own.

    User's Guide 8.0 "vdev shmem", ``gid``.
    """
    groups = [option.group for option in vdev.options if isinstance(option, Gid)]
    return groups[-1] if groups else None


def creations(vdev: ShmemVdev, profile: Profile) -> tuple[Creation, ...]:
    """What the ``create`` options of ``vdev`` make, in file order. Raises ConfigError as :func:`decide` does."""
    check(vdev, profile)
    made = []
    umask, gid, substs = 0, None, []
    for option in vdev.options:
        match option:
            case Umask():
                umask = option.bits
            case Gid():
                gid = option.group
            case Subst():
                substs.append(option)
            case Create():
                made.append(_creation(vdev, option, tuple(substs), umask, gid, profile))
            case _:
                pass
    return tuple(made)


def can_start(vdev: ShmemVdev, profile: Profile) -> bool:
    """Whether a guest with this vdev starts: nothing of it is refused, and all of its creates can be made."""
    try:
        return not any(creation.problem for creation in creations(vdev, profile))
    except ConfigError:
        return False


def _creation(
    vdev: ShmemVdev, create: Create, before: tuple[Subst, ...], umask: int, gid: str | None, profile: Profile
) -> Creation:
    """One ``create``, given the substitutions, the mask and the group that stand before it."""
    substs = {"positional": before, "global": vdev.substs, "ignored": ()}[profile.subst_on_create]
    host_name, name_problem = _host_name(create.name, substs, profile)
    mode = None
    if profile.permission_options == "accepted":
        asked = DEFAULT_MODE & ~umask if create.mode is None else create.mode
        mode = asked & DEFAULT_MODE & ~(umask if profile.umask_on_mode == "always" else 0)
    return Creation(
        create,
        create.name if host_name is None else host_name,
        pages(create.size_bytes),
        mode,
        create.gid if create.gid is not None else gid,
        _creation_problem(vdev, create, name_problem, profile),
    )


def _creation_problem(vdev: ShmemVdev, create: Create, name_problem: str, profile: Profile) -> str:
    """Why a ``create`` keeps the guest from starting, or an empty text."""
    if create.size_bytes == 0:
        return "the size is 0"
    if create.size_bytes % PAGE_SIZE and profile.create_rounding == "rejected":
        return f"the size is not a multiple of {PAGE_SIZE}"
    if problem := names.illegality(create.name, profile):
        return problem
    if profile.create_vs_rules == "obey" and not decide(vdev, create.name, profile).allowed:
        return "the vdev's own rules refuse the name"
    return name_problem
