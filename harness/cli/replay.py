# SPDX-License-Identifier: Apache-2.0
"""``harness replay``: carry out a sequence of operations for real and compare each with the reference model."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Final

from labgrid import Environment

from harness import shipped
from harness.bench.state import Bench
from harness.errors import EXIT_PASS, EXIT_REQUIREMENT_FAILED, UsageError
from harness.process.command import path, source
from harness.process.interpreter import refuse_optimised
from harness.replay import script
from harness.replay.trial import Trial
from harness.replay.world import World, asleep
from harness.target.benches import read_benches
from harness.target.check import require

HELP = "run a sequence of guest and host operations, and compare the results with the reference model"

_STEPS: Final = "name a file with one step per line (harness replay --help)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options: what to replay, and where."""
    parser.epilog = script.__doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("file", type=source, help="a file with one step per line")
    parser.add_argument("--fault", default="", metavar="NAME", help="replay on a host with this deliberate defect")
    parser.add_argument(
        "--lg-env", type=path, metavar="FILE", help="labgrid environment file (default: the embedded benches)"
    )


def run(args: argparse.Namespace) -> int:
    """Replay; exit status 0 when every step shows what the model says, 1 at the first that does not."""
    refuse_optimised()
    steps = _script(args.file)
    if not steps.steps:
        raise UsageError(f"{args.file} holds no step, so there is nothing to compare", remedy=_STEPS)
    environment = args.lg_env or shipped.BENCHES
    require(environment)
    labgrid = Environment(str(environment))
    benches = read_benches(labgrid.config)
    if steps.bench not in benches:
        raise UsageError(f"no bench {steps.bench} in {environment}", remedy=f"choose one of {', '.join(benches)}")
    with tempfile.TemporaryDirectory(prefix="shmem-replay-") as name:
        folder = Path(name)
        bench = Bench(benches[steps.bench], labgrid, folder / "host.log", args.fault or None)
        try:
            return _replay(bench, steps, folder)
        finally:
            bench.close()


def _script(file: Path) -> script.Script:
    try:
        return script.parse(file.read_text(), str(file))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", remedy=_STEPS) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not UTF-8 text", remedy=_STEPS) from error


def _replay(bench: Bench, steps: script.Script, folder: Path) -> int:
    with bench.host() as host, World(bench.config, host, steps.devices, folder, asleep(steps)) as world:
        trial = Trial(world, most=1, tell=print)
        difference = trial.run(steps.steps)
        world.check_means()
    if not trial.done:
        raise UsageError(
            "none of the steps was possible, so nothing was compared", remedy="attach before what needs a connection"
        )
    if difference is None:
        return EXIT_PASS
    print(difference)
    return EXIT_REQUIREMENT_FAILED
