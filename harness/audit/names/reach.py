# SPDX-License-Identifier: Apache-2.0
"""Which host-side regions one ``vdev shmem`` can reach, and by which rule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Final

from harness.audit.names.dfa import (
    BYTES,
    DEAD,
    EVERYTHING,
    Dfa,
    both,
    either,
    restricted,
    shorter,
    single,
)
from harness.audit.names.lists import RulesList, rules_list
from harness.audit.names.substitution import Translation, as_bytes, translation
from harness.shmem.config import Create, Rule, ShmemVdev, Subst
from harness.shmem.profile import Profile
from harness.shmem.registers import MAX_NAME_LENGTH, NAME_SIZE, PAGE_SIZE, pages

STATES: Final = 200_000
"""States of one automaton before the audit gives up on it."""

_CONTROL: Final = frozenset((*range(1, 0x20), 0x7F))
_NON_ASCII: Final = frozenset(range(0x80, 0x100))
_PRINTABLE: Final = frozenset(range(0x20, 0x7F))


@dataclass(frozen=True)
class Legality:
    """Which names are legal under a profile (SHM-OPEN-16)."""

    letters: frozenset[int]
    longest: int
    leading_dot: bool
    empty: bool

    def legal(self, name: bytes) -> bool:
        """Whether a region can have the name."""
        if not name:
            return self.empty
        return (
            len(name) <= self.longest
            and (self.leading_dot or not name.startswith(b"."))
            and self.letters.issuperset(name)
        )

    def filtered(self, names: Dfa, *, letters: bool = False) -> Dfa:
        """The legal ones among ``names``, of any length; without ``letters`` their bytes are not looked at."""
        return restricted(names, self.letters if letters else BYTES, dot=self.leading_dot, empty=self.empty)


def legality(profile: Profile) -> Legality:
    """The legal names of ``profile``."""
    letters = _PRINTABLE
    if profile.name_control == "legal":
        letters |= _CONTROL
    if profile.name_non_ascii == "legal":
        letters |= _NON_ASCII
    if profile.name_slash == "illegal":
        letters -= frozenset(b"/")
    longest = NAME_SIZE if profile.name_unterminated == "legal" else MAX_NAME_LENGTH
    return Legality(letters, longest, profile.name_leading_dot == "legal", profile.name_empty == "legal")


@dataclass(frozen=True)
class Creation:
    """What one ``create`` makes. ``host_name`` is None where it cannot be made, and ``problem`` says why."""

    option: Create
    host_name: bytes | None
    pages: int
    problem: str = ""


@dataclass(frozen=True)
class Reach:
    """What a ``vdev shmem`` can reach under a profile.

    ``host`` has the host-side names. Whoever walks it keeps to legal letters and to the longest length, which are left
    out of it because they would make it many times as large.
    """

    vdev: ShmemVdev
    profile: Profile
    rules: RulesList
    mapping: Mapping
    creations: tuple[Creation, ...]
    host: Dfa = field(repr=False)

    def host_name(self, guest_name: bytes) -> bytes | None:
        """The region that a guest gets under a name; None where it is refused."""
        if self.implied_by(guest_name):
            return self.mapping.host_name(guest_name)
        return _listed(self.mapping, self.rules, guest_name)

    def region_of(self, listed: bytes) -> bytes | None:
        """The region of a name as the list sees it; None where the guest cannot have it."""
        if self.mapping.rules_first:
            return self.host_name(listed)
        return listed if self.host.accepts(listed) and self.mapping.legal.legal(listed) else None

    def implied_by(self, guest_name: bytes) -> Create | None:
        """The ``create`` that permits the name whatever the rules say, where the profile has it so (SHM-OPEN-10)."""
        if self.profile.create_vs_rules != "implies-allow":
            return None
        return next((create for create in self.vdev.creates if as_bytes(create.name) == guest_name), None)

    @cached_property
    def named(self) -> Dfa:
        """Those of the host-side names that the options spell out, by a rule or a ``create``. Raises Entangled."""
        exact = [
            (rule, glob)
            for rule, glob in zip(self.rules.rules, self.rules.globs, strict=True)
            if rule.kind == "allow" and glob.exact
        ]
        regions = [self.region_of(glob.only) for _, glob in exact if glob.only is not None]
        regions += [one.host_name for one in self.creations]
        regions += map(self.mapping.host_name, self.mapping.implied)
        written = _these(name for name in regions if name is not None and self.host.accepts(name))
        # Where case does not matter, one rule spells several names out.
        several = [(rule, glob) for rule, glob in exact if glob.only is None]
        if not several:
            return written
        rules = RulesList(tuple(rule for rule, _ in several), tuple(glob for _, glob in several), permits_rest=False)
        permitted = both(rules.permitted(STATES), self.rules.permitted(STATES), STATES)
        return either((written, self.mapping.image(permitted)), STATES)

    def guest_name(self, host_name: bytes) -> bytes | None:
        """A name by which the guest gets the region; None where it cannot. Raises Entangled."""
        return self.mapping.source(self._guest_names, host_name)

    @cached_property
    def _guest_names(self) -> Dfa:
        return self.mapping.guest_names(self.rules.permitted(STATES))

    def deciding(self, guest_name: bytes) -> Rule | None:
        """The rule that decides about a name; None when it is the implied one, or the vdev has no list."""
        if self.implied_by(guest_name):
            return None
        if self.mapping.rules_first:
            return self.rules.deciding(guest_name)
        host_name = self.mapping.host_name(guest_name)
        return self.rules.deciding(guest_name if host_name is None else host_name)


def _listed(mapping: Mapping, rules: RulesList, guest_name: bytes) -> bytes | None:
    """The region that a guest gets under a name by the list alone; None where it is refused."""
    host_name = mapping.host_name(guest_name)
    if host_name is None:
        return None
    return host_name if rules.permits(guest_name if mapping.rules_first else host_name) else None


def reach(vdev: ShmemVdev, profile: Profile) -> Reach:
    """What ``vdev`` can reach under ``profile``, which must accept it. Raises Entangled."""
    rules = rules_list(vdev.rules, profile)
    mapping = mapping_of(vdev, profile)
    return Reach(vdev, profile, rules, mapping, _creations(vdev, rules, mapping, profile), reached(mapping, rules))


@lru_cache(maxsize=4096)
def reached(mapping: Mapping, rules: RulesList) -> Dfa:
    """The host-side names; most readings of a profile come to the same mapping and the same list."""
    return mapping.image(rules.permitted(STATES))


def mapping_of(vdev: ShmemVdev, profile: Profile) -> Mapping:
    """How the device's names become the host's under ``profile``."""
    return Mapping(
        translation(vdev.substs, profile),
        legality(profile),
        rules_first=profile.rules_see == "guest-name",
        truncates=profile.overlong_host_name == "truncated",
        implied=tuple(as_bytes(create.name) for create in vdev.creates)
        if profile.create_vs_rules == "implies-allow"
        else (),
    )


@dataclass(frozen=True)
class Mapping:
    """Everything but the list that decides which host-side names a device reaches.

    ``rules_first``: the list sees guest-side names. ``implied``: guest-side names that no list refuses.
    """

    names: Translation
    legal: Legality
    rules_first: bool
    truncates: bool
    implied: tuple[bytes, ...]

    def host_name(self, guest_name: bytes) -> bytes | None:
        """What the host calls a region, whatever the rules say; None where the name or its translation is not legal."""
        if not self.legal.legal(guest_name):
            return None
        host_name = self.names.translate(guest_name)
        if host_name is not None and self.truncates:
            host_name = host_name[: self.legal.longest]
        return host_name if host_name is not None and self.legal.legal(host_name) else None

    def image(self, permitted: Dfa) -> Dfa:
        """The host-side names, given what the list permits. Raises Entangled."""
        host = self.legal.filtered(self._translated(permitted) if self.names.replacements else permitted)
        made = map(self.host_name, self.implied)
        extra = [single(name) for name in made if name is not None]
        return either((host, *extra), STATES) if extra else host

    def guest_names(self, permitted: Dfa) -> Dfa:
        """The guest-side names that are translated, given what the list permits. Raises Entangled."""
        guest = self.guest_names_of_any_length(permitted)
        if self.names.shrinks or self.truncates:
            guest = shorter(guest, self.legal.longest, STATES)
        return guest

    def guest_names_of_any_length(self, permitted: Dfa) -> Dfa:
        """The same with those that are too long for a guest, which makes the automaton much smaller."""
        # An illegal letter stays in the name and makes the host's illegal, too, unless it is replaced or cut off.
        replaces_illegal = any(not self.legal.letters.issuperset(one.original) for one in self.names.replacements)
        letters = replaces_illegal or self.truncates
        return self.legal.filtered(permitted if self.rules_first else EVERYTHING, letters=letters)

    def _translated(self, permitted: Dfa) -> Dfa:
        image = self.names.image(self.guest_names(permitted), STATES)
        image = shorter(image, self.legal.longest, STATES, cut=True) if self.truncates else image
        return image if self.rules_first else both(image, permitted, STATES)

    def source(self, guest: Dfa, host_name: bytes) -> bytes | None:
        """One of the names of ``guest`` that becomes ``host_name``, or None when none does. Raises Entangled."""
        for name in self.implied:
            if self.host_name(name) == host_name:
                return name
        if not self.names.replacements:
            return host_name
        if self.truncates and len(host_name) == self.legal.longest:
            host_name = _continued(self.names.image(guest, STATES), host_name) or host_name
        return self.names.source(host_name, guest, STATES)


def _these(names: Iterable[bytes]) -> Dfa:
    """The set of these names."""
    edges: list[dict[int, int]] = [{}]
    accepting = [False]
    for name in names:
        state = 0
        for byte in name:
            if byte not in edges[state]:
                edges[state][byte] = len(edges)
                edges.append({})
                accepting.append(False)
            state = edges[state][byte]
        accepting[state] = True
    return Dfa(tuple(edges), (DEAD,) * len(edges), tuple(accepting))


def _continued(names: Dfa, start: bytes) -> bytes | None:
    """A shortest one of the names that begins with ``start``, or None when none does."""
    state = 0
    for byte in start:
        state = names.step(state, byte)
    waiting = [] if state == DEAD else [(state, start)]
    seen = {state}
    for at, name in waiting:
        if names.accepting[at]:
            return name
        other = next(iter(BYTES - names.edges[at].keys()), None)
        steps = list(names.edges[at].items())
        steps += [] if other is None else [(other, names.others[at])]
        for byte, target in steps:
            if target != DEAD and target not in seen:
                seen.add(target)
                waiting.append((target, name + bytes([byte])))
    return None


def _creations(vdev: ShmemVdev, rules: RulesList, mapping: Mapping, profile: Profile) -> tuple[Creation, ...]:
    """What the ``create`` options make, each with the substitutions that apply to it (SHM-OPEN-09)."""
    made = []
    before: list[Subst] = []
    for option in vdev.options:
        if isinstance(option, Subst):
            before.append(option)
        elif isinstance(option, Create):
            substs = {"positional": before, "global": vdev.substs, "ignored": ()}[profile.subst_on_create]
            applied = replace(mapping, names=translation(substs, profile))
            # What a guest asks for is translated by all substitutions, wherever they stand.
            refused = _listed(mapping, rules, as_bytes(option.name)) is None
            made.append(_creation(option, applied, profile, refused=refused))
    return tuple(made)


def _creation(create: Create, mapping: Mapping, profile: Profile, *, refused: bool) -> Creation:
    """What a ``create`` makes, of a name that is ``refused`` to the guest itself or is not."""
    guest_name = as_bytes(create.name)
    host_name = mapping.host_name(guest_name)
    size = pages(create.size_bytes)
    if create.size_bytes == 0:
        return Creation(create, None, size, "the size is 0")
    if create.size_bytes % PAGE_SIZE and profile.create_rounding == "rejected":
        return Creation(create, None, size, f"the size is not a multiple of {PAGE_SIZE} bytes")
    if not mapping.legal.legal(guest_name):
        return Creation(create, None, size, "no region can have this name")
    if host_name is None:
        return Creation(create, None, size, "the name has no legal host-side name")
    if profile.create_vs_rules == "obey" and refused:
        return Creation(create, None, size, "the guest itself would be refused the name")
    return Creation(create, host_name, size)
