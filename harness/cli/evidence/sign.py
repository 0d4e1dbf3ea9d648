# SPDX-License-Identifier: Apache-2.0
"""``harness sign DIR --key FILE``: sign the manifest of a run that is as it was written."""

from __future__ import annotations

import argparse

from harness.errors import EXIT_PASS, EXIT_REQUIREMENT_FAILED, UsageError
from harness.process.command import path
from harness.report.chain import signature
from harness.report.chain.verify import verify
from harness.report.evidence import folder

HELP = "sign the manifest of a run with an SSH key"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options: the folder and the key."""
    parser.epilog = "exit status: 0 signed, 1 the run is not as it was written, 2 it could not be signed, 3 wrong usage"
    parser.add_argument("folder", type=path, metavar="DIR", help="folder of one run, such as reports/latest")
    parser.add_argument(
        "--key", type=path, required=True, metavar="FILE", help="SSH key: a private one, or a public one of an agent"
    )


def run(args: argparse.Namespace) -> int:
    """Sign the run; exit status 0 when it is signed, 1 when it is not as it was written."""
    folder.must_be_there(args.folder)
    if not args.key.is_file():
        raise UsageError(f"there is no key {args.key}", remedy="name an SSH key; ssh-keygen -t ed25519 makes one")
    found = verify(args.folder.resolve())
    for discrepancy in found.discrepancies:
        print(discrepancy)
    if found.discrepancies:
        print("not signed: the run is not as it was written")
        return EXIT_REQUIREMENT_FAILED
    print(signature.sign(args.folder.resolve(), args.key))
    return EXIT_PASS
