# SPDX-License-Identifier: Apache-2.0
"""``harness linux``: boot the Linux guest image on this machine, run commands in it, show what they say."""

from __future__ import annotations

import argparse
import sys

from harness.arch import ARCHES
from harness.bench.trial import BOOT_SECONDS, trial
from harness.errors import EXIT_PASS, EXIT_REQUIREMENT_FAILED
from harness.process.command import source
from harness.provision.linux.image import linux_image

HELP = "boot the Linux guest image and run commands in it, to try a recipe"

_SHMEM = "vdev shmem\n    allow *\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options: the commands to run, the architecture, and the recipe."""
    parser.add_argument("command", nargs="+", help="shell commands to run over the console, in this order")
    parser.add_argument("--arch", choices=ARCHES, default=ARCHES[0], help=f"architecture (default: {ARCHES[0]})")
    parser.add_argument("--recipe", type=source, help="additions to the image (docs/linux-guest.md)")


def run(args: argparse.Namespace) -> int:
    """Boot, run, and end the guest. The status is 1 when a command failed; the others are not run then."""
    image = linux_image(args.arch, args.recipe)
    with trial() as bench:
        guest = bench.start(image, "guest0", _SHMEM)
        guest.console.log_in(BOOT_SECONDS)
        for command in args.command:
            print(f"# {command}")
            lines, status = guest.console.run(command)
            print("\n".join(lines))
            if status:
                print(f"exit status {status}", file=sys.stderr)
                return EXIT_REQUIREMENT_FAILED
    return EXIT_PASS
