# SPDX-License-Identifier: Apache-2.0
"""``harness prove --mutants N``: change the device mechanically, and show which changes the suites notice.

Nobody has chosen these defects. The exit status is 0 if all that were tried and are defects were noticed, else 1.
"""

from __future__ import annotations

import argparse
import asyncio
import shlex
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Final

from harness import commit
from harness.errors import EXIT_PASS, EXIT_REQUIREMENT_FAILED, BenchError, UsageError
from harness.paths import readable
from harness.process import ending
from harness.process.command import count, path
from harness.prove import reach
from harness.prove.mutation import equivalent, pages
from harness.prove.mutation.campaign import Campaign
from harness.prove.mutation.model import MutationReport
from harness.prove.mutation.mutant import Mutant, drawn
from harness.prove.recording import record
from harness.prove.trials import Trials
from harness.report.evidence import folder
from harness.report.scope import provenance
from harness.runs.sessions import Sessions, until_interrupted

_REACH: Final = "reach"
_SOURCES: Final = "mutants"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that only mutants need beside those of a proof."""
    parser.add_argument(
        "--mutants",
        type=count,
        metavar="N",
        help="inject no faults, but N mechanical changes of the device, drawn at random",
    )
    parser.add_argument(
        "--seed", type=int, default=1, metavar="S", help="--mutants: seed of the random draw (default: 1)"
    )
    parser.add_argument("--resume", type=path, metavar="DIR", help="--mutants: go on with the run in this folder")


def run(args: argparse.Namespace, sessions: Sessions, folder_of_this_run: Callable[[], Path]) -> int:
    """Try mutants; exit status 0: all were noticed, 1: some were not. ``folder_of_this_run`` makes a folder."""
    before = pages.read(args.resume) if args.resume else None
    every, chosen = _drawn(args, before)
    entries = equivalent.equivalents()
    if args.list:
        for mutant in chosen:
            none = equivalent.reason(mutant, entries)
            print(f"{mutant.name} {mutant.file}:{mutant.line} {mutant.function}{f' (equivalent: {none})' * bool(none)}")
            print("\n".join(f"    {line}" for line in mutant.diff.splitlines()))
        return EXIT_PASS
    base = args.resume.absolute() if args.resume else folder_of_this_run()
    (base / _SOURCES).mkdir(exist_ok=True)
    report = before or _begun(base, every, len(chosen), args)
    campaign = Campaign(chosen, report, entries, base / _SOURCES, _say, partial(_keep, base))
    plugins = [word for name in ("trying", "watching") for word in ("-p", f"harness.prove.{name}")]
    sessions = replace(sessions, options=[*sessions.options, *plugins], longest_s=None)
    try:
        return _mutate(campaign, sessions, base, args)
    except OSError as error:
        raise BenchError(f"the results could not be written: {error}", remedy=f"make room in {base}") from error


def _drawn(args: argparse.Namespace, before: MutationReport | None) -> tuple[int, list[Mutant]]:
    """How many mutants there are, and those of this run, as it began. Raises UsageError."""
    try:
        from harness.prove.mutation.mutants import mutants
    except ImportError as error:
        raise UsageError(f"a package that mutants need is not installed: {error}", remedy="run make venv-dev") from None
    select = before.select if before else args.select
    every = [mutant for mutant in mutants() if not select or any(fnmatch(mutant.file, one) for one in select)]
    if not every:
        raise UsageError(f"no source of the device fits {', '.join(select)}")
    number, seed = (before.drawn, before.seed) if before else (args.mutants, args.seed)
    return len(every), drawn(every, number, seed)


def _mutate(campaign: Campaign, sessions: Sessions, base: Path, args: argparse.Namespace) -> int:
    async def work() -> None:
        folders = await record(sessions, args.reach or base / _REACH, args.bench, args.jobs, _say)
        trials = Trials(sessions, base, args.jobs, args.limit or campaign.looks.longest_s)
        await campaign.run(await asyncio.to_thread(reach.read, folders), trials)

    interrupted = False
    try:
        until_interrupted(work())
    except KeyboardInterrupt:
        interrupted = True
    with ending.held():
        report = campaign.report
        pages.write(base, report)
        for tried in report.holes:
            print(tried.text)
            print("\n".join(f"    {line}" for line in tried.diff.splitlines()))
        print(f"{report.last_line}  report: {readable(str(base / folder.INDEX))}")
    if interrupted:
        return ending.INTERRUPTED
    return EXIT_REQUIREMENT_FAILED if report.holes else EXIT_PASS


def _keep(base: Path, report: MutationReport) -> None:
    """Write what is known so far, in case the run is killed. The last page says if there is no room."""
    with suppress(OSError):
        pages.write(base, report)


def _begun(base: Path, every: int, chosen: int, args: argparse.Namespace) -> MutationReport:
    return MutationReport(
        id=base.name,
        started=datetime.now(UTC).isoformat(),
        duration_s=0.0,
        command=shlex.join(["harness", *sys.argv[1:]]),
        harness_version=provenance.harness_version(),
        harness_commit=commit.in_words(),
        every=every,
        drawn=chosen,
        seed=args.seed,
        budget_s=args.budget,
        second_look_s=args.second_look or 0.0,
        select=args.select,
    )


def _say(text: str) -> None:
    print(text, flush=True)
