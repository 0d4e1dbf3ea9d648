# SPDX-License-Identifier: Apache-2.0
"""``harness prove``: show that the suites detect injected faults, and report none without a fault.

Each fault of the emulated device runs in a session of its own, which ends with the first requirement that fails.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from harness import commit, shipped
from harness.emulator.faults.catalogue import Fault
from harness.errors import EXIT_BENCH_ERROR, EXIT_PASS, EXIT_REQUIREMENT_FAILED, BenchError, UsageError
from harness.process import ending
from harness.process.command import count, path
from harness.process.interpreter import refuse_optimised
from harness.prove import pages
from harness.prove.choosing import LONGEST_S, SECOND_LOOK_S, Looks
from harness.prove.groups import SHORT, selected
from harness.prove.model import Difference, ProofReport
from harness.prove.mutation import command as mutation
from harness.prove.proving import CONTROL, Proving
from harness.prove.quick import Quick
from harness.prove.record import Record
from harness.prove.recording import record as recorded
from harness.prove.trials import Trials
from harness.report.evidence import folder
from harness.report.scope import provenance
from harness.runs.sessions import Sessions, processors, until_interrupted
from harness.target.check import require_environment

HELP = "inject faults into the device, one per session, and show which requirement detects each"

_REPORTS: Final = "reports"
_REACH: Final = "reach"
_LONGEST_S: Final = 1800.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options: which faults, which suites, and how."""
    parser.epilog = (
        "exit status: 0 proven, 1 a fault survived, or a test failed without one, 2 bench error, 3 wrong usage"
    )
    parser.add_argument(
        "--select",
        action="append",
        default=[],
        metavar="NAME",
        help="only these: a fault, a group, or with --mutants a source file; * and ? are wildcards; repeatable",
    )
    parser.add_argument("--short", action="store_true", help=f"only {len(SHORT)} faults, of all groups")
    parser.add_argument(
        "--jobs",
        type=count,
        default=processors(),
        metavar="N",
        help="number of parallel sessions (default: the number of processors, %(default)s)",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="try many faults in one session, each by the tests that reach the code that it replaces",
    )
    parser.add_argument(
        "--budget",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="--quick, --mutants: how long the tests for one defect may take on a sound device (default: %(default)g)",
    )
    parser.add_argument(
        "--second-look",
        type=float,
        metavar="SECONDS",
        help="--quick, --mutants: how much longer for what none of these notices"
        f" (default: {SECOND_LOOK_S:g}, and for --mutants not at all)",
    )
    parser.add_argument(
        "--reach",
        type=path,
        metavar="DIR",
        help="--quick, --mutants: an earlier record of which lines the tests reach (reports/ID/reach)",
    )
    parser.add_argument(
        "--random-order",
        type=count,
        metavar="N",
        help="inject nothing: run N sessions, 2 or more, in different test orders, and compare their verdicts",
    )
    parser.add_argument("--suite", action="append", default=[], metavar="PATH", help="run these suites; repeatable")
    parser.add_argument(
        "--bench", action="append", default=[], metavar="NAME", help="run on this bench only; repeatable"
    )
    parser.add_argument(
        "--lg-env", type=path, metavar="FILE", help="labgrid environment file (default: the embedded benches)"
    )
    parser.add_argument(
        "--limit",
        type=float,
        metavar="SECONDS",
        help=f"longest time of one session (default: {_LONGEST_S:g}); for one defect among many: {LONGEST_S:g}, and"
        " twice the second look",
    )
    mutation.add_arguments(parser)
    parser.add_argument("--out", type=path, metavar="DIR", help="folder for reports (default: reports)")
    parser.add_argument("--list", action="store_true", help="only list the faults")


def run(args: argparse.Namespace) -> int:
    """Prove the suites; 0: they are proven, 1: a fault survived or something failed without one, 2: bench error."""
    if args.mutants or args.resume:
        refuse_optimised()
        return mutation.run(args, _sessions(args), partial(_folder, args.out))
    faults = selected(args.select, SHORT) if args.short else selected(args.select)
    if args.list:
        for fault in faults:
            print(f"{fault.name:28} {fault.group:13} {fault.text}")
        return EXIT_PASS
    refuse_optimised()
    if args.random_order == 1:
        raise UsageError("--random-order 1: one order is compared with nothing", remedy="ask for 2 orders or more")
    sessions, base = _sessions(args), _folder(args.out)
    for text in sessions.ignored:
        _say(f"ignored: {text} (a proof runs the suites as they are)")
    orders = [f"order-{number}" for number in range(1, (args.random_order or 0) + 1)]
    every = faults == selected([])
    begun = _begun(base, orders or [CONTROL, *(fault.name for fault in faults)])
    begun = replace(begun, whole=every and not orders and not args.suite)
    record = Record(begun, _say, partial(_keep, base))
    proving = Proving(sessions, base, args.jobs, record)
    work = _quick(proving, faults, args) if args.quick else _work(proving, orders, faults, whole=every)
    try:
        return _prove(record, base, work)
    except OSError as error:
        raise BenchError(
            f"the report of the proof could not be written: {error}", remedy=f"make room in {base}"
        ) from error


def _prove(record: Record, base: Path, work: Coroutine[Any, Any, None]) -> int:
    interrupted = False
    try:
        until_interrupted(work)
    except KeyboardInterrupt:
        interrupted = True
    with ending.held():
        report = record.report()
        pages.write(base, report)
        for text in _problems(report):
            print(text)
        print(pages.last_line(report, base / folder.INDEX))
    return ending.INTERRUPTED if interrupted else _status(report)


def _work(
    proving: Proving, orders: Sequence[str], faults: Sequence[Fault], *, whole: bool
) -> Coroutine[Any, Any, None]:
    if orders:
        return proving.shuffled(orders)
    return proving.everything(faults) if whole else proving.some(faults)


async def _quick(proving: Proving, faults: Sequence[Fault], args: argparse.Namespace) -> None:
    began = time.monotonic()
    plugins = [word for name in ("trying", "watching") for word in ("-p", f"harness.prove.{name}")]
    sessions = replace(proving.sessions, options=[*proving.sessions.options, *plugins], longest_s=None)
    place = args.reach or proving.base / _REACH
    folders = await recorded(sessions, place, args.bench, args.jobs, _say)
    looks = Looks(args.budget, SECOND_LOOK_S if args.second_look is None else args.second_look)
    trials = Trials(sessions, proving.base, args.jobs, args.limit or looks.longest_s)
    await Quick(trials, proving.record, looks).run(faults, folders, CONTROL, began)


def _keep(base: Path, report: ProofReport) -> None:
    """Write what is known so far, in case the proof is killed. The last page says if there is no room."""
    with suppress(OSError):
        pages.write(base, report)


def _sessions(args: argparse.Namespace) -> Sessions:
    environment = args.lg_env or shipped.BENCHES
    require_environment(environment)
    suites = [str(shipped.SUITES)] if not args.suite else [str(Path(suite).absolute()) for suite in args.suite]
    for suite in suites:
        if not Path(suite.partition("::")[0]).exists():
            raise UsageError(f"there is no suite {suite}", remedy="name a folder or a file of tests")
    return Sessions(environment.resolve(), suites, args.bench, ["-p", "harness.prove.plugin"], args.limit or _LONGEST_S)


def _folder(out: Path | None) -> Path:
    """Make the folder of this proof, and return it."""
    reports = (out or Path(_REPORTS)).absolute()
    base = reports / f"prove-{folder.run_id()}"
    base.mkdir(parents=True)
    return base


def _begun(base: Path, planned: list[str]) -> ProofReport:
    return ProofReport(
        id=base.name,
        started=datetime.now(UTC).isoformat(),
        duration_s=0.0,
        command=shlex.join(["harness", *sys.argv[1:]]),
        harness_version=provenance.harness_version(),
        harness_commit=commit.in_words(),
        planned=planned,
    )


def _say(text: str) -> None:
    print(text, flush=True)


def _problems(report: ProofReport) -> Iterator[str]:
    """What keeps the proof from holding, a line each."""
    for proof in report.proofs:
        if proof.outcome != "caught":
            yield f"hole: {proof.line}"
    for control in report.controls:
        if control.error:
            yield f"without a fault ({control.what}): {control.error}"
        for test in control.failed:
            yield f"without a fault ({control.what}): {test}"
    for difference in report.differences:
        yield f"depends on the order: {difference.test}: {_verdicts(difference)}"


def _verdicts(difference: Difference) -> str:
    return ", ".join(f"{what} {verdict}" for what, verdict in difference.verdicts.items())


def _status(report: ProofReport) -> int:
    if report.verdict == "PASS":
        return EXIT_PASS
    broken = report.verdict == "INCOMPLETE" or any(proof.outcome == "error" for proof in report.proofs)
    broken = broken or any(control.error for control in report.controls)
    return EXIT_BENCH_ERROR if broken else EXIT_REQUIREMENT_FAILED
