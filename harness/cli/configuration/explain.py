# SPDX-License-Identifier: Apache-2.0
"""``harness explain``: which rule of a ``vdev shmem`` decides about a name, and what the host calls it."""

from __future__ import annotations

import argparse
import json
import sys

from harness.errors import UsageError
from harness.process.command import must_exist
from harness.shmem.config import ConfigError, ShmemVdev, VmConfig, parse_file, shmems_of
from harness.shmem.config.validate import validate
from harness.shmem.explanation import Explanation, as_json, as_text, explain
from harness.shmem.profile import PROFILES

HELP = "show which rule of a vdev shmem decides about a region's name, and the host-side name"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options: the configuration, the name, and what to print."""
    parser.add_argument("file", metavar="FILE", help="a qvm configuration")
    parser.add_argument("--name", required=True, metavar="REGION", help="the name that the guest asks for")
    parser.add_argument("--vdev", metavar="N|NAME", help="one vdev shmem, by its name or counted from 0 (default: all)")
    parser.add_argument(
        "--profile", choices=list(PROFILES), default="7.0", help="the release whose rules apply (default: 7.0)"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON list with one entry per vdev")
    parser.epilog = "exit status: 0 explained, 1 the release would reject the configuration, 3 wrong usage"


def _chosen(config: VmConfig, wanted: str | None) -> list[tuple[int, ShmemVdev]]:
    """The vdevs to explain with their indices. Raises UsageError when there is none."""
    vdevs = list(enumerate(shmems_of(config)))
    if not vdevs:
        raise UsageError("the configuration has no vdev shmem")
    if wanted is None:
        return vdevs
    chosen = [(index, vdev) for index, vdev in vdevs if vdev.name == wanted]
    chosen = chosen or [(index, vdev) for index, vdev in vdevs if str(index) == wanted]
    if not chosen:
        known = ", ".join(str(index) if vdev.name is None else f"{index} ('{vdev.name}')" for index, vdev in vdevs)
        raise UsageError(f"no vdev shmem '{wanted}'", remedy=f"choose one of {known}")
    return chosen


def _explanations(args: argparse.Namespace) -> list[Explanation]:
    config = parse_file(args.file)
    for problem in validate(config, PROFILES[args.profile]):
        raise problem
    # On standard error, so that standard output has only the explanation.
    for remark in config.remarks:
        print(f"{remark.position}: {remark.severity}: {remark.text}", file=sys.stderr)
    chosen = _chosen(config, args.vdev)
    return [explain(vdev, index, args.name, PROFILES[args.profile]) for index, vdev in chosen]


def run(args: argparse.Namespace) -> int:
    """Print the explanations."""
    must_exist([args.file])
    try:
        explanations = _explanations(args)
    except ConfigError as error:
        print(f"{error.position}: error: {error.description}", file=sys.stderr)
        return 1
    if args.json:
        print(json.dumps([as_json(explanation) for explanation in explanations], indent=2))
    else:
        print("\n".join(line for explanation in explanations for line in as_text(explanation)))
    return 0
