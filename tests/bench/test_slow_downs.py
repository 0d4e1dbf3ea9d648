# SPDX-License-Identifier: Apache-2.0
"""Artificial slow-downs on real guests are found over nights, and named right.

Each is a change of the probe's sources: a hundred microseconds before the answer to a signal, reads of a region that
all trap, a copy loop that moves a tenth of the blocks twice. The nights are short.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness import shipped
from harness.arch import ARCHES, Arch
from harness.guest.probe import Work
from harness.measure.baseline import Direction
from harness.measure.changes import regressions
from harness.measure.history import Key, Night
from harness.measure.statistics import median, median_spread
from harness.provision.compiler import compile_c, load_recipe
from harness.site import Site
from tests.probe import pair as pairs
from tests.probe.pair import Pair, running_pair

USUAL, SLOW = 8, 4
MOST = 24
"""On a busy machine it takes more nights until a change is certain."""

BATCHES = 9
ROUNDS = 100
BLOCK, PIECE, PIECES = 4096, 1 << 20, 5
SPAN = 1 << 18
TRAPPED_PIECE = 4096
LOOPS: tuple[Work, Work] = ("copy", "read")

SLOW_DOWNS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "nothing": (),
    "signal path": (
        (
            "core/interrupts.c",
            "    region->echoed++;\n",
            "    region->echoed++;\n    for (uint64_t end = clock_now_ns() + 100000; clock_now_ns() < end;)\n"
            "        continue;\n",
        ),
    ),
    "data path": (
        (
            "core/bench.c",
            "(char *)region->data, region->physical + SHMEM_PAGE, region->length}",
            "(char *)region->control, region->physical, SHMEM_PAGE}",
        ),
    ),
    "copy loop": (
        (
            "core/loops.c",
            "        move_block(run, move, copies, reach, offset);\n",
            "        move_block(run, move, copies, reach, offset);\n"
            "        if (copies && done / run->block % 10 == 0)\n"
            "            move_block(run, move, copies, reach, offset);\n",
        ),
    ),
}
FOUND: dict[str, set[str]] = {
    "nothing": set(),
    "signal path": {"round trip"},
    "data path": {"read, region beside private"},
    "copy loop": {"loop, copy beside read"},
}


def changed_probe(folder: Path, arch: Arch, slow_down: str) -> Path:
    """The image of a probe whose sources are changed in one place each."""
    copied = folder / "probe"
    shutil.copytree(shipped.TARGETS / "images/probe", copied)
    for name, old, new in SLOW_DOWNS[slow_down]:
        text = (copied / name).read_text()
        assert text.count(old) == 1, name
        (copied / name).write_text(text.replace(old, new))
    recipe = load_recipe(copied / "recipe.toml", arch)
    return compile_c(recipe).path / recipe.output


@dataclass(frozen=True)
class Figure:
    """A figure that is taken in batches, one value each, of a pair of guests beside another one by turns."""

    name: str
    better: Direction
    take: Callable[[Pair, Pair], float]

    def night(self, number: int, pair: Pair, reference: Pair) -> Night:
        """Several batches in one night."""
        taken = [self.take(pair, reference) for _ in range(BATCHES)]
        return Night(f"run{number:02}", f"2026-01-{number + 1:02}", "", median(taken), median_spread(taken))


def fastest(pair: Pair) -> float:
    pair.two.irq_serve(ROUNDS)
    trips = pair.one.pingpong(1, ROUNDS)
    assert not trips.lost
    return trips.timing.min_ns


def round_trip(pair: Pair, reference: Pair) -> float:
    return fastest(pair) / fastest(reference)


def read_ratio(pair: Pair, _reference: Pair) -> float:
    compared = pair.one.compare("read", BLOCK, TRAPPED_PIECE, PIECES)
    return compared.private.min_ns / compared.region.min_ns


def loop_ratio(pair: Pair, _reference: Pair) -> float:
    copy, read = (
        min(pair.one.bench(work, "private", 1024, PIECE, span=SPAN).ns for _ in range(PIECES)) for work in LOOPS
    )
    return read / copy


FIGURES = (
    Figure("round trip", "lower", round_trip),
    Figure("read, region beside private", "higher", read_ratio),
    Figure("loop, copy beside read", "higher", loop_ratio),
)


@contextlib.contextmanager
def ready(arch: Arch, folder: Path, image: Path) -> Iterator[Pair]:
    """Two guests with this image that share a region and listen."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs, "probe_image", lambda _arch: image)
        folder.mkdir()
        with running_pair(arch, "pci", folder) as pair:
            for probe in (pair.one, pair.two):
                probe.attach("nights", 16)
                probe.irq_on("message" if arch == "x86_64" else "pin")
            pair.one.irq_wait(60)
            yield pair


@pytest.mark.long
@pytest.mark.parametrize("slow_down", SLOW_DOWNS)
@pytest.mark.parametrize("arch", ARCHES)
def test_a_slow_down_is_found_and_named(tmp_path: Path, arch: Arch, slow_down: str) -> None:
    usual = changed_probe(tmp_path / "usual", arch, "nothing")
    slow = changed_probe(tmp_path / "slow", arch, slow_down)
    site = Site("bench", arch, "pci", "probe", "serial")
    series: dict[Key, list[Night]] = {}
    with ready(arch, tmp_path / "one", usual) as before, ready(arch, tmp_path / "two", slow) as after:
        for number in range(MOST):
            pair = before if number < USUAL else after
            for figure in FIGURES:
                key = Key("device", figure.name, "", 0, site, figure.better)
                series.setdefault(key, []).append(figure.night(number, pair, before))
            found = regressions(series, f"run{number:02}")
            named = {one.key.name for one in found}
            if number >= USUAL + SLOW - 1 and (slow_down == "nothing" or named == FOUND[slow_down]):
                break
    for key, nights in series.items():
        print(key.name, [f"{one.value:.4g} ± {100 * (one.noise or 0):.0f} %" for one in nights])
    assert named == FOUND[slow_down]
    assert {one.step.run for one in found} <= {f"run{USUAL:02}"}
