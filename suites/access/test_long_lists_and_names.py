# SPDX-License-Identifier: Apache-2.0
"""Long lists, long patterns and long names: nothing of them is cut off."""

from __future__ import annotations

import pytest

from fixtures.access import ALLOWED, REFUSED, Access
from fixtures.bench import Bench
from fixtures.deployment import Deploy
from harness.shmem.registers import MAX_NAME_LENGTH

MANY = [f"room{number}" for number in range(24)]
LONG = "a-name-of-the-greatest-length-"
EXACT, OTHER = f"{LONG}1", f"{LONG}2"
STEM = "a-stem-of-more-than-sixteen-"
DENIED = "5to15"
"""No bit makes another case of its first and last character: case is a question of its own."""


def each(kind: str, names: list[str]) -> str:
    """Return a list with a rule for each name."""
    return " ".join(f"{kind} {name}" for name in names)


@pytest.mark.requirement("SHM-ALLOW-07")
def test_every_allow_of_a_long_list_counts(deploy: Deploy, access: Access) -> None:
    """All rules from the first to the 24th count; a name that none of them covers is refused."""
    guest, _ = deploy(each("allow", MANY), "")
    access.check(guest, {**dict.fromkeys(MANY, ALLOWED), "room24": REFUSED, "room": REFUSED})


@pytest.mark.requirement("SHM-DENY-03")
def test_every_deny_of_a_long_list_counts(deploy: Deploy, access: Access) -> None:
    """All rules from the first to the 24th count; a name that none of them covers is permitted."""
    guest, _ = deploy(each("deny", MANY), "")
    access.check(guest, {**dict.fromkeys(MANY, REFUSED), "room24": ALLOWED, "room": ALLOWED})


@pytest.mark.requirement("SHM-ALLOW-06")
def test_the_last_character_of_a_long_name_counts(deploy: Deploy, access: Access) -> None:
    """The rule allows a name of 31 characters; names that differ in the last one are refused."""
    assert len(EXACT) == MAX_NAME_LENGTH
    guest, _ = deploy(f"allow {EXACT}", "")
    access.check(guest, {EXACT: ALLOWED, OTHER: REFUSED, EXACT[:-1]: REFUSED, EXACT[:16]: REFUSED})


@pytest.mark.requirement("SHM-ALLOW-05")
def test_the_last_character_of_a_long_stem_counts(deploy: Deploy, access: Access) -> None:
    """The rule allows a stem of 28 characters with a star."""
    guest, _ = deploy(f"allow {STEM}*", "")
    access.check(guest, {STEM: ALLOWED, f"{STEM}abc": ALLOWED, STEM[:-1]: REFUSED, f"{STEM[:-1]}x": REFUSED})


@pytest.mark.requirement("SHM-ISOL-02")
def test_long_names_that_differ_in_the_last_character_are_two_regions(deploy: Deploy, access: Access) -> None:
    """The guest may use one of them; what it writes there does not reach the other, which it is denied."""
    guest, owner = deploy(f"deny {OTHER}", "")
    theirs = owner.attach(OTHER, pages=2)
    theirs.fill(seed=21)
    ours = guest.attach(EXACT, pages=2)
    assert guest.request(OTHER).status == access.refusal
    assert ours.members() == {ours.index}
    ours.fill(seed=22)
    assert theirs.differences(seed=21) == 0
    assert theirs.members() == {theirs.index}


@pytest.mark.requirement("SHM-ISOL-02")
@pytest.mark.parametrize("position", [0, 4], ids=["first", "last"])
def test_names_that_differ_in_one_bit_are_two_regions(
    deploy: Deploy, access: Access, bench: Bench, position: int
) -> None:
    """The bit is in the first or the last character, as far as the result is a legal name."""
    guest, owner = deploy(f"deny {DENIED}", "")
    theirs = owner.attach(DENIED)
    theirs.fill(seed=23)
    assert guest.request(DENIED).status == access.refusal
    for name in _one_bit_off(DENIED.encode(), position, beyond_ascii=bench.profile.name_non_ascii == "legal"):
        ours = guest.request(name).region
        assert ours is not None, name
        assert ours.members() == {ours.index}, name
        ours.fill(seed=24)
        ours.detach()
    assert theirs.differences(seed=23) == 0
    assert theirs.members() == {theirs.index}


def _one_bit_off(name: bytes, position: int, *, beyond_ascii: bool) -> list[bytes]:
    """The names with a letter, a digit or, where that is legal, a byte beyond ASCII in this place."""
    others = [name[position] ^ 1 << bit for bit in range(8)]
    legal = [byte for byte in others if (beyond_ascii if byte >= 0x80 else chr(byte).isalnum())]
    assert len(legal) >= 4
    return [name[:position] + bytes([byte]) + name[position + 1 :] for byte in legal]
