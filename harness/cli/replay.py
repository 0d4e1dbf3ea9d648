# SPDX-License-Identifier: Apache-2.0
"""``harness replay``: carry out a sequence of operations for real and compare each with the reference model."""

from __future__ import annotations

import argparse

from harness.errors import EXIT_PASS, EXIT_REQUIREMENT_FAILED, UsageError
from harness.process.command import path
from harness.process.interpreter import refuse_optimised
from harness.replay import script
from harness.replay.reference import Outcome, Reference
from harness.replay.world import World

HELP = "run a sequence of guest and host operations, and compare the results with the reference model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to replay."""
    parser.epilog = script.__doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("file", type=path, help="a file with one step per line")
    parser.add_argument("--fault", default="", metavar="NAME", help="replay on a host with this deliberate defect")


def run(args: argparse.Namespace) -> int:
    """Exit status 0 when every step shows what the model says, 1 at the first that does not."""
    refuse_optimised()
    try:
        steps = script.parse(args.file.read_text(), str(args.file))
    except OSError as error:
        raise UsageError(f"{args.file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{args.file} is not UTF-8 text", remedy="name a file with one step per line") from error
    reference = Reference()
    with World(args.fault) as world:
        for step in steps:
            expected, seen = reference.perform(step), world.perform(step)
            print(f"{step}{_text(seen)}")
            if seen != expected:
                print(f"  expected{_text(expected)}")
                return EXIT_REQUIREMENT_FAILED
    return EXIT_PASS


def _text(outcome: Outcome) -> str:
    return "".join(f"  {name} {value:#x}" for name, value in outcome.items())
