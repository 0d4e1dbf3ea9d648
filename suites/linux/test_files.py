# SPDX-License-Identifier: Apache-2.0
"""Two Linux guests hand files to each other through a region, by programs that map it for themselves."""

from __future__ import annotations

import pytest

from fixtures.deployment import Deploy
from fixtures.guest import Guest, Region
from harness.shmem.registers import PAGE_SIZE

pytestmark = pytest.mark.only(guest_image=["linux"], placement=["pci"])

FREE = ("", "")


def checksum(guest: Guest, file: str) -> str:
    """SHA-256 of a file of the guest."""
    said = guest.linux.run(f"sha256sum {file}")
    assert said.status == 0, said.text
    return said.lines[0].split()[0]


def store(region: Region, file: str, length: int) -> None:
    """Copy a file of the guest into its region."""
    said = region.guest.linux.run(f"probe store {region.address + PAGE_SIZE:#x} {length} <{file}")
    assert said.status == 0, said.text


def load(region: Region, file: str, length: int) -> None:
    """Copy the region into a file of the guest."""
    said = region.guest.linux.run(f"probe load {region.address + PAGE_SIZE:#x} {length} >{file}")
    assert said.status == 0, said.text


@pytest.mark.parametrize("length", [1, 4097, 1_000_003])
@pytest.mark.requirement("SHM-CTRL-05")
def test_a_file_arrives_with_its_checksum(deploy: Deploy, length: int) -> None:
    """Odd lengths; there, and what came back is what was sent."""
    left, right = (guest.attach("files", pages=256) for guest in deploy(*FREE))
    left.guest.linux.run(f"head -c {length} /dev/urandom >/tmp/sent")
    sent = checksum(left.guest, "/tmp/sent")
    store(left, "/tmp/sent", length)
    load(right, "/tmp/received", length)
    assert checksum(right.guest, "/tmp/received") == sent
    # The region is another file's in between, so that nothing of the first way is left.
    right.fill(seed=length)
    store(right, "/tmp/received", length)
    load(left, "/tmp/back", length)
    assert checksum(left.guest, "/tmp/back") == sent


@pytest.mark.requirement("SHM-CTRL-05")
def test_program_and_service_see_the_same_bytes(deploy: Deploy) -> None:
    """Two processes of a guest have the region mapped at the same time."""
    guest, peer = deploy(*FREE)
    here, there = guest.attach("twice", pages=4), peer.attach("twice", pages=4)
    guest.linux.run("printf 'written by a program' >/tmp/text")
    store(here, "/tmp/text", 20)
    assert here.peek(0, 20) == there.peek(0, 20) == b"written by a program"
