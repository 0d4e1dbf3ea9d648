# SPDX-License-Identifier: Apache-2.0
"""``harness provision``: fetch and build everything that a bench needs, so that later runs need no network."""

from __future__ import annotations

import argparse

from harness.arch import ARCHES
from harness.errors import EXIT_PASS
from harness.provision.everything import IMAGES, provision
from harness.provision.programs import board_programs

HELP = "fetch and build everything that a bench needs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    parser.add_argument(
        "--arch", action="append", choices=ARCHES, help="only for guests of this architecture (may be repeated)"
    )
    parser.add_argument("--image", action="append", choices=IMAGES, help="only guests of this kind (may be repeated)")
    parser.add_argument(
        "--loopback", action="store_true", help="also what the loopback board needs (docs/boards.md): about 30 MB"
    )


def run(args: argparse.Namespace) -> int:
    """Provision, and say what is there."""
    for name, path in provision(args.arch or ARCHES, args.image or IMAGES).items():
        print(f"{name}: {path}")
    if args.loopback:
        print(f"servers of the loopback board: {board_programs().root}")
    return EXIT_PASS
