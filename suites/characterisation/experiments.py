# SPDX-License-Identifier: Apache-2.0
"""Small experiments of the characterisation tests, whose outcome is recorded and not judged."""

from __future__ import annotations

from collections.abc import Iterable

from fixtures.api import REGIONS, BenchError
from fixtures.bench import Bench
from fixtures.guest import Guest
from harness.shmem.status import Status

QVM_ENDED_BY_AN_ACCESS = 6


def granted(guest: Guest, name: str | bytes) -> bool:
    """Whether the guest gets a region of that name; it leaves it again."""
    answer = guest.request(name)
    if answer.region:
        answer.region.detach()
    return answer.status == Status.OK


def verdict(guest: Guest, name: str | bytes) -> str:
    """The answer to a request for that name, in words; a region that was granted is left again."""
    answer = guest.request(name)
    if answer.region:
        answer.region.detach()
    return "granted" if answer.status == Status.OK else f"refused with {answer.status.name}"


def meeting_point(guest: Guest, name: str, peer: Guest, candidates: Iterable[str]) -> str:
    """Under which of the names a peer without substitution meets a guest; else the answer to the guest's request."""
    answer = guest.request(name)
    if answer.region is None:
        return f"refused with {answer.status.name}"
    try:
        for candidate in candidates:
            theirs = peer.request(candidate).region
            if theirs is None:
                continue
            together = len(theirs.members()) > 1
            theirs.detach()
            if together:
                return candidate
        return "somewhere else"
    finally:
        answer.region.detach()


def is_there(bench: Bench, guest: Guest, name: str, pages: int) -> bool:
    """Whether the host has a region of this host-side name, which had ``pages`` pages.

    The host's list of regions says so. Without such a list, a guest without rules asks for another size: it gets the
    size of the region that exists. (Where the size is part of a region's identity, this cannot tell it from none.)
    """
    with bench.host() as host:
        if REGIONS in host.capabilities:
            return name in {region.name for region in host.regions()}
    region = guest.attach(name, pages + 1)
    seen = region.pages
    region.detach()
    return seen == pages


def ended_by_an_access(guest: Guest, error: BenchError) -> str:
    """The exit status of a qvm that has ended in an access, in words; BenchError when it ended for another reason."""
    status = guest.wait_end()
    if status != QVM_ENDED_BY_AN_ACCESS:
        raise BenchError(
            f"qvm ended with exit status {status}; {QVM_ENDED_BY_AN_ACCESS} would be its answer to an access"
        ) from error
    return f"exit status {status}"
