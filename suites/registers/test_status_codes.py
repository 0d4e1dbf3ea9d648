# SPDX-License-Identifier: Apache-2.0
"""What the status register of the factory page says of a request."""

from __future__ import annotations

import pytest

from fixtures.access import Access
from fixtures.api import HostProgram
from fixtures.bench import Bench
from fixtures.deployment import Deploy
from harness.shmem import registers as reg
from harness.shmem.status import Status
from suites.registers.illegal import ILLEGAL, an_illegal_name

pytestmark = pytest.mark.only(guest_image=["probe"])

FREE = ("", "", "")
LARGEST = 0xFFFFFFFF


@pytest.mark.requirement("SHM-STAT-01")
def test_a_permitted_request_for_a_fresh_name_succeeds(deploy: Deploy, bench: Bench) -> None:
    """This holds for any size, also after failed requests."""
    illegal = an_illegal_name(bench)
    guest, _, _ = deploy(*FREE)
    for pages in (1, 2, 64, 1024):
        assert guest.request(illegal).status == Status.ILLEGAL_NAME
        assert guest.request(f"fresh-{pages}", pages).status == Status.OK


@pytest.mark.requirement("SHM-STAT-02")
def test_the_17th_connection_is_one_too_many(deploy: Deploy, host_program: HostProgram) -> None:
    """Two guests and 14 clients on the host are connected; a third guest gets in as soon as one of them leaves."""
    *guests, late = deploy(*FREE)
    regions = [guest.attach("crowded") for guest in guests]
    clients = [host_program.create("crowded", 1) for _ in range(reg.MAX_CLIENTS - len(regions))]
    assert regions[0].members() == set(range(reg.MAX_CLIENTS))
    assert late.request("crowded").status == Status.CLIENT_MAX
    assert regions[1].members() == set(range(reg.MAX_CLIENTS))
    clients[3].detach()
    answer = late.request("crowded")
    assert answer.status == Status.OK
    assert answer.region is not None
    assert answer.region.index == clients[3].index
    assert late.request("elsewhere").status == Status.OK


@pytest.mark.parametrize("kind", ILLEGAL)
@pytest.mark.requirement("SHM-STAT-03")
def test_an_illegal_name_is_refused_as_such(deploy: Deploy, bench: Bench, kind: str) -> None:
    """The profile decides which names are illegal, as the documents do not list them."""
    field, name = ILLEGAL[kind]
    if getattr(bench.profile, field) != "illegal":
        pytest.skip(f"the profile of bench {bench.name} takes such a name: {field} is {getattr(bench.profile, field)}")
    guest, _, _ = deploy(*FREE)
    assert guest.request(name).status == Status.ILLEGAL_NAME
    assert guest.request("legal").status == Status.OK


@pytest.mark.requirement("SHM-STAT-04")
def test_a_rule_violation_is_no_success(deploy: Deploy, access: Access) -> None:
    """This holds for creating and attaching; the code is that of the bench's profile."""
    guest, peer = deploy("deny secret", "")
    assert guest.request("secret").status == access.refusal != Status.OK
    peer.attach("secret")
    assert guest.request("secret").status == access.refusal


@pytest.mark.requirement("SHM-FIND-01")
@pytest.mark.parametrize("number", [0, 7, LARGEST])
def test_a_find_that_finds_nothing(deploy: Deploy, bench: Bench, number: int) -> None:
    """Nothing is connected, and the host has no region of the name that the register holds, nor of that number."""
    reading = bench.profile.find
    if reading == "absent" or (reading == "host-regions" and number != LARGEST):
        pytest.skip(f"profile of bench {bench.name}: there may be no register, or a region of that number ({reading})")
    guest, _, _ = deploy(*FREE)
    guest.attach("left-again").detach()
    guest.probe.set_name("nowhere")
    guest.write("factory", reg.FIND_OFFSET, 4, number)
    assert guest.read("factory", reg.STATUS_OFFSET, 4) == Status.DOES_NOT_EXIST


LONGER = {
    "slash": b"before/behind",
    "control character": b"before\x07behind",
    "beyond ASCII": b"before\xe9behind",
    "unterminated": b"32-characters-and-no-terminator-",
}


@pytest.mark.parametrize("kind", LONGER)
@pytest.mark.requirement("SHM-STAT-01")
def test_a_name_is_legal_whatever_the_register_holds_behind_it(deploy: Deploy, kind: str) -> None:
    """A short name is written over a longer one, whose rest stays behind the terminator."""
    guest, peer, _ = deploy(*FREE)
    first = guest.request(LONGER[kind])
    if first.region:
        first.region.detach()
    answer = guest.request("short")
    assert answer.status == Status.OK
    assert answer.region is not None
    theirs = peer.attach("short")
    assert theirs.members() == {answer.region.index, theirs.index}
