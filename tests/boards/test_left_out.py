# SPDX-License-Identifier: Apache-2.0
"""What a walk over a board says of the tests that it leaves out."""

from __future__ import annotations

import re
from dataclasses import replace

from harness.bench.embedded import embedded_config
from harness.host import protocol
from harness.target.scope.left_out import CAPABILITIES, FEATURES, left_out
from tests.boards.lab import CHECKOUT


def test_what_is_left_out_is_said_for_all_that_suites_ask_a_host_for() -> None:
    """Each capability that a suite or a fixture demands, and each feature that one is marked with, has its line."""
    texts = [path.read_text() for folder in ("suites", "fixtures") for path in (CHECKOUT / folder).rglob("*.py")]
    demanded = {name for text in texts for name in re.findall(r"demand\(bench, ([A-Z_]+)\)", text)}
    marked = {name for text in texts for name in re.findall(r'lg_feature\("([\w-]+)"\)', text)}
    assert len(demanded) > 3
    assert {getattr(protocol, name) for name in demanded} <= set(CAPABILITIES)
    assert marked == set(FEATURES)


def test_a_bench_that_can_all_leaves_out_nothing_and_others_a_line_each() -> None:
    bench = replace(
        embedded_config("aarch64"),
        features=frozenset(FEATURES),
        placements=("pci", "mmio"),
        guest_images=("probe", "linux"),
    )
    assert list(left_out(bench, CAPABILITIES)) == []
    (line,) = left_out(replace(bench, placements=("mmio",)), CAPABILITIES)
    assert line == "tests of devices on PCI ('placements' lacks 'pci')"
    lines = list(left_out(replace(bench, features=frozenset()), ()))
    assert len(lines) == len(CAPABILITIES) + len(FEATURES)
