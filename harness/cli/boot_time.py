# SPDX-License-Identifier: Apache-2.0
"""``harness boot-time``: how long Linux guests of the embedded benches take to a shell."""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from harness.arch import ARCHES, Arch
from harness.bench.trial import BOOT_SECONDS, TrialGuest, trial
from harness.errors import EXIT_PASS
from harness.narrow import present
from harness.process.command import count, source
from harness.provision.linux.image import linux_image

HELP = "measure the boot time of Linux guests, from start to shell"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options: which guests, how often, and how many at a time."""
    parser.add_argument("--arch", action="append", choices=ARCHES, help="only this architecture (may be repeated)")
    parser.add_argument("--rounds", type=count, default=5, help="how often to start them (default: 5)")
    parser.add_argument("--guests", type=count, default=2, help="how many at the same time (default: 2)")
    parser.add_argument("--recipe", type=source, help="additions to the image (docs/linux-guest.md)")


def run(args: argparse.Namespace) -> int:
    """Measure, and print each round and the medians."""
    for arch in args.arch or ARCHES:
        rounds = [_round(arch, args.guests, args.recipe) for _ in range(args.rounds)]
        for number, boots in enumerate(rounds, start=1):
            print(
                f"{arch} round {number}: {'; '.join(f'{one.seconds:.2f} s, {one.work:.2f} s of it' for one in boots)}"
            )
        last = statistics.median(max(boot.seconds for boot in boots) for boots in rounds)
        work = statistics.median(boot.work for boots in rounds for boot in boots)
        print(
            f"{arch}: {args.guests} guests in parallel, until the last has a shell: median of {len(rounds)}"
            f" {last:.2f} s; processor time of each {work:.2f} s"
        )
    return EXIT_PASS


@dataclass(frozen=True)
class _Boot:
    """Seconds from the first start to the shell of a guest, and the processor time that its QEMU has had by then.

    The second figure is the same on a busy machine.
    """

    seconds: float
    work: float


def _round(arch: Arch, number_of_guests: int, recipe: Path | None) -> list[_Boot]:
    """Start guests at the same time. The image is made before."""
    image = linux_image(arch, recipe)
    with trial() as bench, contextlib.closing(bench.host.client()) as host:
        guests = [bench.start(image, f"guest{number}") for number in range(number_of_guests)]
        processes = {guest.system: present(guest.pid) for guest in host.guests()}
        began = min(guest.started for guest in guests)
        return [_boot(guest, began, processes[guest.name]) for guest in guests]


def _boot(guest: TrialGuest, began: float, process: int) -> _Boot:
    guest.console.log_in(BOOT_SECONDS)
    return _Boot(time.monotonic() - began, _processor_seconds(process))


def _processor_seconds(process: int) -> float:
    """User and system time of a process (proc(5), /proc/PID/stat, fields 14 and 15)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
