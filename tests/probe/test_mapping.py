# SPDX-License-Identifier: Apache-2.0
"""How the data of a region are mapped, by the processor's own word, and that they stay what they are."""

from __future__ import annotations

from typing import Final

import pytest

from harness.arch import Arch
from harness.guest.probe import ProbeError
from tests.probe.pair import Pair

PAGES: Final = 3
BYTES: Final = PAGES * 4096
UNCACHED: Final[dict[Arch, str]] = {"aarch64": "normal, not cached", "x86_64": "not cached"}


def handle_in(pair: Pair, name: str = "mapped") -> int:
    """The first guest's handle of a region in which the second guest is as well."""
    handles = [probe.attach(name, PAGES).handle for probe in (pair.one, pair.two)]
    assert handles[0] is not None
    return handles[0]


def attribute(pair: Pair, handle: int) -> str:
    return str(pair.one.command("mapping", handle=handle)["attribute"])


def test_data_can_be_mapped_without_a_cache_and_back(pair: Pair) -> None:
    handle = handle_in(pair)
    assert attribute(pair, handle) == "write-back"
    assert pair.one.map_data("uncached", handle=handle) == UNCACHED[pair.architecture] == attribute(pair, handle)
    assert pair.one.map_data("normal", handle=handle) == "write-back" == attribute(pair, handle)


def test_data_stay_what_they_are(pair: Pair) -> None:
    """Both guests see what either has written, whichever way the first one maps them."""
    handle = handle_in(pair)
    for seed, kind in enumerate(("uncached", "normal", "uncached", "uncached")):
        pair.one.fill(0, BYTES, seed, handle=handle)
        pair.one.map_data("uncached" if kind == "uncached" else "normal", handle=handle)
        assert pair.two.verify(0, BYTES, seed).mismatches == pair.one.verify(0, BYTES, seed).mismatches == 0
        pair.two.fill(0, BYTES, seed + 100)
        assert pair.one.verify(0, BYTES, seed + 100).mismatches == 0


def test_a_mapping_is_that_of_one_region_until_it_is_left(pair: Pair) -> None:
    handle, other = handle_in(pair), handle_in(pair, "other")
    pair.one.map_data("uncached", handle=handle)
    assert attribute(pair, other) == "write-back"
    address = pair.one.detach(handle).data
    assert address
    again = pair.one.attach("mapped", PAGES)
    assert again.handle is not None
    assert again.shmem + 4096 == address
    assert attribute(pair, again.handle) == "write-back"


def test_other_words_are_refused(pair: Pair) -> None:
    handle = handle_in(pair)
    with pytest.raises(ProbeError) as caught:
        pair.one.command("mapping device", handle=handle)
    assert caught.value.kind == "usage"
    assert attribute(pair, handle) == "write-back"
