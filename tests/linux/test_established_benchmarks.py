# SPDX-License-Identifier: Apache-2.0
"""The probe's loops against memory benchmarks of the distribution, by turns in one Linux guest.

``mbw`` is the usual one for copies. It neither only reads nor only writes; ``stress-ng --memrate`` does both in two
dozen ways, of which the best counts. STREAM and tinymembench are no packages of Debian.
"""

from __future__ import annotations

import re
from pathlib import Path
from statistics import median
from typing import Final

import pytest

from harness.arch import ARCHES, Arch
from harness.bench.trial import BOOT_SECONDS, TrialGuest, trial
from harness.guest.probe import Probe, Work
from harness.provision.linux.image import linux_image

ROUNDS: Final = 6
RUNS: Final = 3
MIB: Final = 1 << 20
SPAN: Final = 2 * MIB
"""Beyond that, QEMU's software emulation is measured: how many translations it keeps varies from run to run."""
TOTAL: Final = 2048 * MIB
"""A quarter of a second, as long as memrate takes for each of its ways."""
WITHIN: Final = 0.95
WORKS: Final[tuple[Work, ...]] = ("read", "write", "copy")


def ours(guest: TrialGuest) -> dict[Work, float]:
    """Bytes per second of the probe in private memory; the first run after a pause is slower by up to a half."""
    probe = Probe(guest.console.transport(), "serial")
    runs = {work: [probe.bench(work, "private", MIB, TOTAL, span=SPAN) for _ in range(RUNS)] for work in WORKS}
    return {work: max(one.bytes / one.ns * 1e9 for one in several) for work, several in runs.items()}


def theirs(guest: TrialGuest) -> dict[str, float]:
    """The same of each way of the established programs, by its name. Both say MB and mean MiB."""
    said, status = guest.console.run(f"stress-ng --memrate 1 --memrate-bytes {SPAN // MIB}M -t 7 --metrics", 60.0)
    assert status == 0, said
    rates = {way: float(rate) for rate, way in re.findall(r"([\d.]+) ((?:read|write)\w*) MB per sec", "\n".join(said))}
    for number in (0, 2):
        said, status = guest.console.run(f"mbw -q -n 60 -t{number} {SPAN // MIB // 2}", 60.0)
        assert status == 0, said
        found = re.search(r"AVG.*Copy: ([\d.]+) MiB/s", "\n".join(said))
        assert found, said
        rates[f"copy by mbw -t{number}"] = float(found[1])
    return {way: rate * MIB for way, rate in rates.items()}


@pytest.mark.long
@pytest.mark.parametrize("arch", ARCHES)
def test_the_loops_are_within_five_percent_of_the_best(arch: Arch, tmp_path: Path) -> None:
    """Round by round the probe beside each way, as what else the machine does is the same for both; then the median."""
    recipe = tmp_path / "guest.toml"
    recipe.write_text('packages = ["mbw", "stress-ng"]\n')
    with trial(tmp_path) as bench:
        guest = bench.start(linux_image(arch, recipe), "guest0")
        guest.console.log_in(BOOT_SECONDS)
        rounds = [(ours(guest), theirs(guest)) for _ in range(ROUNDS)]
    for work in WORKS:
        ways = [way for way in rounds[0][1] if way.startswith(work)]
        ratios = {way: median(probe[work] / other[way] for probe, other in rounds) for way in ways}
        best = min(ratios, key=ratios.__getitem__)
        print(
            f"{arch} {work}: {median(probe[work] for probe, _ in rounds) / 1e9:.2f} GB/s, {ratios[best]:.3f} of {best}"
        )
        assert ratios[best] >= WITHIN, ratios
