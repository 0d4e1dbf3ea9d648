# SPDX-License-Identifier: Apache-2.0
"""Requests for many names: guest and client make the same names of a rule, and every verdict is the device's."""

from __future__ import annotations

import re

import pytest

from harness.guest.probe import Probe, ProbeError
from harness.guest.probe_names import Verdict, Width, Writing, ask, crc, verdicts
from harness.shmem.name_lists import Made, Name, NameItem, Rule, Words, encode_name, frames
from harness.shmem.status import Status
from tests.probe.pair import Pair

ALLOWED, DENIED = int(Status.OK), int(Status.NO_PERMISSION)
MARK = 0x5EC0_11DE_D0_0D_00

VALUES: dict[Rule, int] = {"each": 0, "flip": 0x20, "insert": 0x2D}
PLAIN: list[Rule] = ["drop", "twice", "swap", "cut"]
ITEMS: list[NameItem] = [
    Name(b"secret"),
    Name(b"a:b,c%d e@"),
    Name(b""),
    *(Made(rule, b"my secret", value) for rule, value in VALUES.items()),
    *(Made(rule, b"secretss") for rule in PLAIN),
    *(Made("any", b"secret!", at) for at in range(7)),
    Made("grow", b"secre", ord("t")),
    Made("twice", b"x" * 32),
    Words(b"se", 0, 4, b"", b"cret"),
]


def asked(probe: Probe, *items: NameItem, writing: Writing = "nul", mark: int = 0, times: int = 1) -> list[Verdict]:
    """All verdicts, which are those of the digest."""
    digest = ask(probe, items, writing=writing, mark=mark, times=times)
    seen = verdicts(probe, digest.verdicts)
    assert digest.crc32 == crc(seen)
    assert digest.granted == sum(verdict.status == 0 for verdict in seen)
    return seen


def of_the_second(name: bytes) -> int:
    """What the second guest's device says: it may not use names that begin with ``secret``."""
    name = name.partition(b"\0")[0]
    if not name or len(name) > 31 or re.search(rb"[^ -.0-~\x80-\xff]", name):
        return Status.ILLEGAL_NAME
    return DENIED if name.startswith(b"secret") else ALLOWED


@pytest.mark.parametrize("writing", ["nul", "whole", "changes"])
def test_the_guest_asks_for_the_names_that_the_client_thinks_of(pair: Pair, writing: Writing) -> None:
    for item in ITEMS:
        names = list(item.names())
        seen = asked(pair.two, item, writing=writing)
        assert [verdict.status for verdict in seen] == [of_the_second(name) for name in names], item.text
        if names:
            assert pair.two.factory().name.startswith(names[-1])


@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_every_byte_of_a_name_is_written(pair: Pair, width: Width) -> None:
    name = bytes(range(0x21, 0x41))
    ask(pair.one, [Name(name)], width=width)
    assert pair.one.factory().name == name


def test_a_name_written_bare_ends_where_the_one_before_ended(pair: Pair) -> None:
    ask(pair.two, [Name(b"z" * 32)], writing="whole")
    seen = asked(pair.two, Name(b"secret-plans"), writing="whole")
    assert [verdict.status for verdict in seen] == [DENIED]
    seen = asked(pair.two, Name(b"S"), Name(b"secr"), Name(b"s"), writing="bare")
    assert [verdict.status for verdict in seen] == [ALLOWED, DENIED, DENIED]
    assert pair.two.factory().name.rstrip(b"\0") == b"secret-plans"


def test_marks_tell_whom_the_guest_met(pair: Pair) -> None:
    for number, name in ((1, "common"), (200, "secret-one")):
        handle = pair.one.attach(name, 2).handle
        pair.one.poke(0, (MARK | number).to_bytes(8, "little"), handle=handle)
    names = [Name(name) for name in (b"common", b"commonly", b"secret-one", b"other", b"common")]
    expected = [Verdict(ALLOWED, 1), Verdict(ALLOWED, 0), Verdict(DENIED, 0), Verdict(ALLOWED, 0), Verdict(ALLOWED, 1)]
    assert asked(pair.two, *names, mark=MARK) == expected
    assert [verdict.met for verdict in asked(pair.two, *names, mark=MARK + 0x100)] == [0] * 5


def test_a_name_is_asked_for_again_without_being_written_again(pair: Pair) -> None:
    seen = asked(pair.two, Name(b"open"), Name(b"secret"), times=3)
    assert [verdict.status for verdict in seen] == [ALLOWED] * 3 + [DENIED] * 3


def test_regions_that_are_attached_stay_and_others_are_left(pair: Pair) -> None:
    held = pair.two.attach("held", 3)
    pair.two.fill(0, 3 << 12, 7)
    asked(pair.two, Made("cut", b"passing-by"), Name(b"secret"))
    assert [handle.handle for handle in pair.two.handles()] == [held.handle]
    assert pair.two.verify(0, 3 << 12, 7).mismatches == 0
    theirs = pair.one.attach("passing", 1)
    assert theirs.control_status == 0x10000


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("names 1 nul 4 1 0 such:name", "usage"),
        ("names 1 nul 4 1 0 any:name:4", "usage"),
        ("names 1 nul 4 1 0 any:name:x", "usage"),
        ("names 1 nul 4 1 0 a-name-that-is-longer-than-32-bytes", "usage"),
        ("names 1 nul 4 1 0 words:a::b:1:2", "usage"),
        ("names 1 nul 4 1 0 words:a:b:c:1:31", "usage"),
        ("names 1 nul 4 1 0 words:a:b:c:1", "usage"),
        ("names 1 nul 3 1 0 name", "usage"),
        ("names 1 NUL 4 1 0 name", "usage"),
        ("names 1 nul 4 1 0 words:%:ab:%:14:14", "limit"),
    ],
)
def test_what_is_no_list_of_names_is_refused(pair: Pair, command: str, kind: str) -> None:
    with pytest.raises(ProbeError) as error:
        pair.two.command(command, timeout=300)
    assert error.value.kind == kind


def test_items_come_in_groups_that_fit() -> None:
    items: list[NameItem] = [Name(b"abc"), Name(b"de"), Made("any", b"x", 0), Name(b"f"), Made("drop", b"abc")]
    groups = list(frames(items, characters=8, names=100))
    assert [item for group in groups for item in group] == items
    assert [[item.text for item in group] for group in groups] == [["abc", "de"], ["any:x:0"], ["f"], ["drop:abc"]]


def test_a_name_is_one_word() -> None:
    assert [encode_name(name) for name in (b"a-b", b"a b", b"", b"@:,%")] == ["a-b", "a%20b", "%", "%40%3a%2c%25"]
