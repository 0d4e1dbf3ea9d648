# SPDX-License-Identifier: Apache-2.0
"""``harness provision``: fetch and build everything that a bench needs, so that later runs need no network."""

from __future__ import annotations

import argparse
import json

from harness.arch import ARCHES
from harness.errors import EXIT_PASS
from harness.loopback.openssh import account_library
from harness.provision.everything import IMAGES, provision, provision_board

HELP = "fetch and build everything that a bench needs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options: for which guests, and whether for the loopback board."""
    parser.add_argument(
        "--arch", action="append", choices=ARCHES, help="only for guests of this architecture (may be repeated)"
    )
    parser.add_argument("--image", action="append", choices=IMAGES, help="only guests of this kind (may be repeated)")
    parser.add_argument(
        "--loopback", action="store_true", help="also what the loopback board needs (docs/boards.md): about 30 MB"
    )
    parser.add_argument("--json", action="store_true", help="print where everything is as JSON")


def run(args: argparse.Namespace) -> int:
    """Provision, and say what is there."""
    found = provision(args.arch or ARCHES, args.image or IMAGES)
    if args.loopback:
        found |= provision_board() | {"account library of the loopback board": account_library()}
    if args.json:
        print(json.dumps({name: str(path) for name, path in found.items()}, indent=1))
        return EXIT_PASS
    for name, path in found.items():
        print(f"{name}: {path}")
    return EXIT_PASS
