# SPDX-License-Identifier: Apache-2.0
"""qvm: how it reads a configuration, and how it ends."""

from __future__ import annotations

import re
import time
from random import Random

import pytest

from fixtures.access import ALLOWED, REFUSED, Access
from fixtures.api import PATHS, REPORTS
from fixtures.attempts import Try
from fixtures.bench import Bench
from fixtures.configuration import Verbatim
from fixtures.deployment import Deploy
from fixtures.hostside import HostRegions, demand
from fixtures.settings import Setting, devices_of_a_guest
from harness.shmem.boundaries import impossible_bytes

pytestmark = pytest.mark.only(guest_image=["probe"])

FREE = ("", "", "")
SECONDS = 20.0
MOMENT = 0.01
REPORTED = "reported"

COMMENTED = Verbatim(
    """\
# vdev shmem allow commented
vdev shmem {location}   # the device, not allow trailing

    # deny pluto
    allow pluto # allow behind

\t
    allow test*
"""
)
ONE_LINE = Verbatim(
    "vdev shmem {location} allow pluto allow test* allow foo1 allow bar1 subst foo,bar create foo1,4096\n"
)
LINES = Verbatim(
    "vdev\n shmem\n    {location}\n  allow\n  pluto\n\tallow test*\n allow foo1 allow baz1\n"
    "    subst foo,baz\n\n  create foo1,4096\n"
)
TABLE = {"pluto": ALLOWED, "test1": ALLOWED, "mickey": REFUSED, "commented": REFUSED, "behind": REFUSED}


@pytest.mark.requirement("QVM-CFG-01")
def test_comments_and_blank_lines_mean_nothing(deploy: Deploy, access: Access) -> None:
    """Comments may contain any text."""
    guest, _ = deploy(COMMENTED, "")
    access.check(guest, TABLE | {"trailing": REFUSED})


@pytest.mark.requirement("QVM-CFG-02")
def test_options_on_one_line_and_on_their_own_mean_the_same(
    deploy: Deploy, access: Access, host_regions: HostRegions
) -> None:
    """Rules, substitutions and creations."""
    one, other = deploy(ONE_LINE, LINES)
    for guest in (one, other):
        access.check(guest, TABLE)
    assert {"bar1", "baz1"} <= host_regions().keys()


@pytest.mark.requirement("QVM-CFG-03")
def test_an_unknown_option_is_refused_with_its_place(attempt: Try) -> None:
    """Exit status 65; the message names the file and the line."""
    tried = attempt("vdev shmem {location}\n    allow pluto\n    allov test*")
    assert tried.status == 65
    assert f"{tried.file}:{tried.line_of('allov')}]" in tried.messages


@pytest.mark.parametrize("size", [*map(hex, impossible_bytes())])
@pytest.mark.requirement("SHM-CREATE-05")
def test_a_create_that_cannot_be_keeps_the_guest_from_starting(deploy: Deploy, attempt: Try, size: str) -> None:
    """More than any memory, and the same where its low bits are a size that could be; the others go on."""
    guest, peer, _ = deploy(*FREE)
    region = guest.attach("beside")
    assert attempt(f"vdev shmem {{location}} create impossible,{size}").status not in (None, 0)
    assert peer.attach("beside").members() == {region.index, peer.attached[0].index}


@pytest.mark.requirement("QVM-RUN-01")
def test_the_directory_of_the_system_is_there_while_it_runs(deploy: Deploy, bench: Bench) -> None:
    """Neither before nor after, and each guest has its own."""
    demand(bench, PATHS)
    deploy()
    with bench.host() as host:
        names = [f"guest{number}" for number in range(len(FREE))]
        assert [host.path_exists(f"/dev/qvm/{name}") for name in names] == [False, False, False]
        guests = deploy(*FREE)
        assert [guest.name for guest in guests] == names
        assert [host.path_exists(f"/dev/qvm/{name}") for name in names] == [True, True, True]
        guests[1].power_off()
        assert [host.path_exists(f"/dev/qvm/{name}") for name in names] == [True, False, True]


def told_of_devices(messages: str) -> list[str]:
    """The lines of messages that speak of a device or of its region, whatever paths are in them."""
    without = (re.sub(r"\S*/\S*", "", line) for line in messages.splitlines())
    return [line for line in without if "shmem" in line or REPORTED in line]


@pytest.mark.requirement("QVM-RUN-02")
def test_sigusr1_makes_the_vdev_tell_of_itself(deploy: Deploy, bench: Bench, setting: Setting) -> None:
    """Each device has a line at least, behind all that was said before. The guest goes on."""
    demand(bench, REPORTS)
    count = devices_of_a_guest(bench.config, setting, 2)
    guest, _, _ = deploy(("",) * count, "", "")
    region = guest.attach(REPORTED)
    before, deadline = len(guest.qvm.messages()), time.monotonic() + SECONDS
    guest.qvm.request_report()
    while len(told := told_of_devices(guest.qvm.messages()[before:])) < count and time.monotonic() < deadline:
        time.sleep(MOMENT)
    assert len(told) >= count, f"of {count} devices, qvm says: {told}"
    assert region.members() == {region.index}


@pytest.mark.requirement("QVM-RUN-03")
def test_a_reboot_ends_qvm_with_0(deploy: Deploy) -> None:
    """To start the guest again, qvm has to be started again."""
    guest, _, _ = deploy(*FREE)
    assert guest.reboot() == 0


@pytest.mark.requirement("QVM-RUN-04")
def test_sigquit_ends_qvm_with_3(deploy: Deploy) -> None:
    """Like a power cut."""
    guest, _, _ = deploy(*FREE)
    assert guest.cut_power() == 3


@pytest.mark.parametrize("number", range(3))
@pytest.mark.requirement("QVM-RUN-04")
def test_sigquit_ends_qvm_with_3_whatever_was_asked_before(deploy: Deploy, bench: Bench, number: int) -> None:
    """Reports, and the power button, which a guest that has no use for it does not obey: the probe of a PC."""
    demand(bench, REPORTS)
    guest, peer, _ = deploy(*FREE)
    region = guest.attach("until-the-end")
    left = peer.attach("until-the-end")
    random = Random(f"asked {number}")
    asked = ["report"] * random.randint(0, 3) + ["button"] * (bench.config.architecture == "x86_64")
    random.shuffle(asked)
    for request in asked:
        if request == "report":
            guest.qvm.request_report()
        else:
            guest.qvm.request_stop("power-button")
        assert region.members() == {region.index, left.index}
    assert guest.cut_power() == 3, f"after {', '.join(asked) or 'nothing'}"
    assert left.members() == {left.index}
