# SPDX-License-Identifier: Apache-2.0
"""``harness boot-time``: how long Linux guests of the embedded benches take to a shell."""

from __future__ import annotations

import argparse
import contextlib
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from harness.arch import ARCHES, Arch
from harness.errors import EXIT_PASS
from harness.guest.linux_trial import BOOT_SECONDS, TrialGuest, trial
from harness.provision.linux_image import linux_image

HELP = "measure how long Linux guests take from their start to a shell"

_FIRST_EXPERIMENT_SECONDS: Final = 8.0
"""Two guests in parallel on two processors, before anything was tuned."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    parser.add_argument("--arch", action="append", choices=ARCHES, help="only this architecture (may be repeated)")
    parser.add_argument("--rounds", type=int, default=5, help="how often to start them (default: 5)")
    parser.add_argument("--guests", type=int, default=2, help="how many at the same time (default: 2)")
    parser.add_argument("--recipe", type=Path, help="additions to the image (docs/linux-guest.md)")


def run(args: argparse.Namespace) -> int:
    """Measure, and print each round and the median."""
    for arch in args.arch or ARCHES:
        rounds = [_round(arch, args.guests, args.recipe) for _ in range(args.rounds)]
        for number, seconds in enumerate(rounds, start=1):
            print(f"{arch} round {number}: {', '.join(f'{one:.2f} s' for one in seconds)}")
        median = statistics.median(max(seconds) for seconds in rounds)
        print(
            f"{arch}: {args.guests} guests in parallel, until the last has a shell: median of {len(rounds)}"
            f" {median:.2f} s ({median / _FIRST_EXPERIMENT_SECONDS:.2f} of the first experiment's"
            f" {_FIRST_EXPERIMENT_SECONDS:g} s)"
        )
    return EXIT_PASS


def _round(arch: Arch, count: int, recipe: Path | None) -> list[float]:
    """Seconds from the first start to the shell of each guest. The image is made before."""
    image = linux_image(arch, recipe)
    with contextlib.ExitStack() as stack:
        bench = stack.enter_context(trial())
        guests = [bench.start(image, f"guest{number}") for number in range(count)]
        return _until_shell(guests)


def _until_shell(guests: Sequence[TrialGuest]) -> list[float]:
    began = min(guest.started for guest in guests)
    seconds = []
    for guest in guests:
        guest.console.log_in(BOOT_SECONDS)
        seconds.append(time.monotonic() - began)
    return seconds
