# SPDX-License-Identifier: Apache-2.0
"""Readings of ``find``, one row each, as in ``test_readings.py``."""

from __future__ import annotations

import pytest

from harness.shmem import registers as reg
from harness.shmem.profile import Profile
from harness.shmem.status import Status
from tests.emulator.devices import Bench, Row, bench, row_name

OK, ILLEGAL, DENIED, NOT_FOUND = Status.OK, Status.ILLEGAL_NAME, Status.NO_PERMISSION, Status.DOES_NOT_EXIST
FAILED = Status.UNKNOWN_FAILURE


def find_own(host: Bench) -> object:
    """Connected to the second of two regions of the host: status of a find of 0, 1 and 2, and of the clients."""
    peer, guest = host.device(system="two"), host.device()
    peer.request("first")
    peer.request("second", 2)
    guest.request("second", 2)
    return [guest.find(number) for number in range(3)], sum(1 for _ in host.region("first").connected())


def find_of_two_sizes(host: Bench) -> object:
    """The sizes that finds of 0 and 1 give, of a region that is too large for the first slots and a small one."""
    guest = host.device()
    guest.request("large", 5000)
    guest.request("small", 2)
    return [(guest.find(number), guest.size) for number in range(2)]


def find_without_the_register(host: Bench) -> object:
    """The status that stands after a failure and a find, and what ``find`` reads."""
    guest = host.device()
    guest.request("")
    return guest.find(0), guest.load(reg.FIND_OFFSET)


def find_named(host: Bench) -> object:
    """Finds by name: of a region that is held, of one that others have, of none; the size after the first."""
    guest, peer = host.device(), host.device(system="two")
    guest.request("held", 3)
    peer.request("other")
    answers = []
    for name in (b"other", b"none", b"held"):
        guest.set_name(name)
        answers.append(guest.find(7))
    return answers, guest.size


def find_denied(host: Bench) -> object:
    """A find of a region that the rules refuse, then of one that they permit under its guest-side name."""
    guest, peer = host.device("allow mine subst ,x_"), host.device(system="two")
    peer.request("x_secret")
    peer.request("x_mine")
    answers = []
    for name in (b"secret", b"mine"):
        guest.set_name(name)
        answers.append(guest.find(0))
    return answers


def find_unmatched(host: Bench) -> object:
    """A find of a name that no substitution covers, then of one that is too long for the host."""
    guest = host.device("subst a,b")
    answers = []
    for name in (b"other", b"a" * reg.NAME_SIZE):
        guest.set_name(name)
        answers.append(guest.find(0))
    return answers


def find_of_few_permissions(host: Bench) -> object:
    """Finds of a region of mode 0600 with flags that ask for more, and for no more than that."""
    maker, guest = host.device(system="two"), host.device()
    maker.store(reg.FLAGS_OFFSET, 0o600)
    maker.request("talk")
    guest.set_name(b"talk")
    answers = []
    for flags in (0o666, 0o600):
        guest.store(reg.FLAGS_OFFSET, flags)
        answers.append(guest.find(0))
    return answers, sum(1 for _ in host.region("talk").connected())


def find_from_two_devices(host: Bench) -> object:
    """A find of a region that another vdev of the VM holds, then of one's own: status, same page, members."""
    first, second = host.device(), host.device()
    first.request("talk")
    second.set_name(b"talk")
    status = second.find(0)
    again = second.find(0)
    same = second.load(reg.SHMEM_OFFSET, 8) == first.load(reg.SHMEM_OFFSET, 8)
    return status, again, same, first.members


def find_created(host: Bench) -> object:
    """A request for a name that the guest has a ``create`` of, but is denied, and a find of it when it has left."""
    guest = host.start("deny depot create depot,0x1000")
    opened = guest.request("depot")
    if opened == OK:
        guest.detach()
    guest.set_name(b"depot")
    return opened, guest.find(0)


ROWS: list[Row] = [
    ("7.0", {}, find_own, ([OK, NOT_FOUND, NOT_FOUND], 1)),
    ("7.0", {}, find_of_two_sizes, [(OK, 5000), (OK, 2)]),
    ("7.0", {"find": "absent"}, find_without_the_register, (ILLEGAL, 0)),
    ("7.0", {"find": "host-regions"}, find_own, ([NOT_FOUND, OK, NOT_FOUND], 1)),
    ("7.0", {"find": "host-regions", "find_attaches": "attaches"}, find_own, ([OK, OK, NOT_FOUND], 2)),
    ("7.0", {"find": "by-name"}, find_named, ([NOT_FOUND, NOT_FOUND, OK], 3)),
    ("7.0", {"find": "by-name", "find_attaches": "attaches"}, find_named, ([OK, NOT_FOUND, OK], 3)),
    ("7.0", {"find": "by-name", "find_attaches": "attaches"}, find_denied, [NOT_FOUND, OK]),
    ("7.0", {"find": "by-name", "find_attaches": "attaches", "find_rules": "bypassed"}, find_denied, [OK, OK]),
    ("8.0", {"find": "by-name", "find_attaches": "attaches"}, find_of_few_permissions, ([OK, OK], 2)),
    (
        "8.0",
        {"find": "by-name", "find_attaches": "attaches", "flags": "creation-and-attach"},
        find_of_few_permissions,
        ([DENIED, OK], 2),
    ),
    *(
        (
            "7.0",
            {"find": "by-name", "find_attaches": "attaches", "double_attach_other_vdev": reading},
            find_from_two_devices,
            expected,
        )
        for reading, expected in (
            ("second-connection", (OK, OK, False, 0b11)),
            ("same-connection", (OK, OK, True, 0b1)),
            ("refused", (FAILED, FAILED, False, 0b1)),
        )
    ),
    ("7.0", {"find": "by-name", "subst_unmatched": "refused"}, find_unmatched, [NOT_FOUND, ILLEGAL]),
    *(
        ("7.0", {"find": "by-name", "find_attaches": "attaches", "create_vs_rules": reading}, find_created, answers)
        for reading, answers in (("implies-allow", (OK, OK)), ("bypass", (DENIED, NOT_FOUND)))
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=row_name)
def test_reading(row: Row) -> None:
    release, readings, scenario, expected = row
    with bench(Profile.load(release, readings)) as host:
        assert scenario(host) == expected
