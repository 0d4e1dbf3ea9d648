# SPDX-License-Identifier: Apache-2.0
"""Names of regions: which are legal, and how ``subst`` turns a guest's name into the host's."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from harness.shmem.config import Subst
from harness.shmem.oracle.patterns import name_bytes
from harness.shmem.profile import Profile
from harness.shmem.registers import MAX_NAME_LENGTH, NAME_SIZE

_FIRST_PRINTABLE = 0x20
_DELETE = 0x7F
_FIRST_NON_ASCII = 0x80


def longest(profile: Profile) -> int:
    """Bytes of the longest legal name."""
    return NAME_SIZE if profile.name_unterminated == "legal" else MAX_NAME_LENGTH


def legal_bytes(profile: Profile) -> frozenset[int]:
    """The bytes that a legal name may hold; NUL, which ends a name, is never among them."""
    return _legal_bytes(profile.name_control, profile.name_non_ascii, profile.name_slash)


@lru_cache
def _legal_bytes(control: str, non_ascii: str, slash: str) -> frozenset[int]:
    """As above; a key of these three is hashed faster than a whole profile."""
    allowed = set(range(_FIRST_PRINTABLE, _DELETE))
    if control == "legal":
        allowed |= {*range(1, _FIRST_PRINTABLE), _DELETE}
    if non_ascii == "legal":
        allowed |= set(range(_FIRST_NON_ASCII, 256))
    if slash == "illegal":
        allowed.discard(ord("/"))
    return frozenset(allowed)


def cut(name: str, length: int) -> str:
    """``name`` without the bytes beyond ``length``."""
    return name_bytes(name)[:length].decode("utf-8", "surrogateescape")


def as_requested(name: str, profile: Profile) -> str:
    """The name that the device takes from the register: up to a NUL, and cut where the profile cuts."""
    name = name.split("\0", 1)[0]
    if profile.name_unterminated == "truncated" and len(name_bytes(name)) == NAME_SIZE:
        return cut(name, MAX_NAME_LENGTH)
    return name


def illegality(name: str, profile: Profile) -> str | None:
    """Why ``name`` is not a legal name of a region, or None when it is one."""
    raw = name_bytes(name)
    if not raw:
        return "the name is empty" if profile.name_empty == "illegal" else None
    if len(raw) > longest(profile):
        return f"the name has {len(raw)} bytes, and at most {longest(profile)} fit"
    if raw.startswith(b".") and profile.name_leading_dot == "illegal":
        return "the name begins with '.'"
    legal = legal_bytes(profile)
    if legal.issuperset(raw):
        return None
    for byte in raw:
        if byte not in legal:
            return "the name contains '/'" if byte == ord("/") else f"the name contains the byte 0x{byte:02x}"
    return None


def _found(subst: Subst, name: str, profile: Profile) -> bool:
    match profile.subst_anchor:
        case "anywhere":
            return subst.original in name
        case "start":
            return name.startswith(subst.original)
        case "whole":
            return not subst.original or name == subst.original


def _replaced(subst: Subst, name: str, profile: Profile) -> str:
    """``name`` with the first field replaced, which is known to be in it; an empty one stands in front of the name."""
    count = (
        1 if not subst.original or profile.subst_occurrences == "first" or profile.subst_anchor != "anywhere" else -1
    )
    return name.replace(subst.original, subst.prefix, count)


def _apply(subst: Subst, name: str, profile: Profile) -> str | None:
    if _found(subst, name, profile):
        return _replaced(subst, name, profile)
    match profile.subst_unmatched:
        case "unchanged":
            return name
        case "prefixed":
            return subst.prefix + name
        case "refused":
            return None


def translate(name: str, substs: Sequence[Subst], profile: Profile) -> str | None:
    """The host-side name of ``name``, not yet judged or cut; None when the profile refuses a name that none fits."""
    if profile.subst_several == "chain":
        result: str | None = name
        for subst in substs:
            result = None if result is None else _apply(subst, result, profile)
        return result
    if not substs:
        return name
    if profile.subst_several == "last":
        return _apply(substs[-1], name, profile)
    found = next((subst for subst in substs if _found(subst, name, profile)), substs[0])
    return _apply(found, name, profile)
