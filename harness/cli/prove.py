# SPDX-License-Identifier: Apache-2.0
"""``harness prove``: show that the suites notice a device that is wrong, and nothing where it is right.

Each fault of the emulated device runs in a session of its own, which ends with the first requirement that fails.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from harness.emulator.faults import Fault
from harness.errors import EXIT_BENCH_TROUBLE, EXIT_PASS, EXIT_REQUIREMENT_FAILED, UsageError
from harness.prove import pages
from harness.prove.groups import SHORT, selected
from harness.prove.model import ProofReport
from harness.prove.proving import Progress, Proving, gather, line
from harness.report import folder, provenance
from harness.sessions import CHECKOUT, Sessions, count, processors, until_interrupted

HELP = "put faults into the device, one at a time, and show which requirement catches each"

_INTERRUPTED: Final = 130
_SUITES: Final = "suites"
_REPORTS: Final = "reports"
_CONTROL: Final = "control"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which faults, which suites, and how."""
    parser.add_argument(
        "--select", action="append", default=[], metavar="NAME", help="this fault or group (* and ? fit); repeatable"
    )
    parser.add_argument("--short", action="store_true", help=f"{len(SHORT)} faults of all groups")
    parser.add_argument(
        "--jobs", type=count, default=processors(), metavar="N", help="sessions side by side (%(default)s)"
    )
    parser.add_argument(
        "--random-order",
        type=count,
        metavar="N",
        help="no faults: N sessions in N orders, whose verdicts have to be the same",
    )
    parser.add_argument("--suite", action="append", default=[], metavar="PATH", help="of these suites; repeatable")
    parser.add_argument("--bench", action="append", default=[], metavar="NAME", help="on this bench only; repeatable")
    parser.add_argument(
        "--lg-env", type=Path, metavar="FILE", help="labgrid environment file (default: boards.yaml of the checkout)"
    )
    parser.add_argument(
        "--limit", type=float, default=600.0, metavar="SECONDS", help="longest time of one session (%(default)g)"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for reports (default: reports of the checkout)")
    parser.add_argument("--list", action="store_true", help="only list the faults")


def run(args: argparse.Namespace) -> int:
    """The exit status: 0 the suites are proven, 1 a fault survived or something failed without one, 2 bench trouble."""
    faults = selected(args.select, SHORT) if args.short else selected(args.select)
    if args.list:
        for fault in faults:
            print(f"{fault.name:28} {fault.group:13} {fault.text}")
        return EXIT_PASS
    sessions, base = _sessions(args), _folder(args.out)
    report = _begun(base)
    proving = Proving(sessions, base, args.jobs)
    whole = not (args.short or args.select)
    began = time.monotonic()
    try:
        found = _orders(proving, args.random_order) if args.random_order else _faults(proving, faults, whole=whole)
        report = replace(report, **until_interrupted(found), duration_s=round(time.monotonic() - began, 1))
    except KeyboardInterrupt:
        return _INTERRUPTED
    pages.write(base, report)
    for text in _trouble(report):
        print(text)
    print(pages.last_line(report, base / folder.INDEX))
    return _status(report)


async def _faults(proving: Proving, faults: Sequence[Fault], *, whole: bool) -> dict[str, Any]:
    """Proofs, and a session without a fault: of everything, or of the tests that caught something."""
    progress = Progress(len(faults) + 1, proving.jobs, _say)
    if whole:
        control, proofs = await gather(proving.control(_CONTROL, progress), proving.faults(faults, progress))
    else:
        proofs = await proving.faults(faults, progress)
        tests = sorted({proof.catch.test for proof in proofs if proof.catch})
        control = await proving.control(_CONTROL, progress, tests=tests)
    return {"proofs": proofs, "controls": [control]}


async def _orders(proving: Proving, count: int) -> dict[str, Any]:
    """Sessions without a fault in several orders."""
    controls, differences = await proving.shuffled(count, Progress(count, proving.jobs, _say))
    return {"controls": controls, "differences": differences}


def _sessions(args: argparse.Namespace) -> Sessions:
    environment = args.lg_env or CHECKOUT / "boards.yaml"
    if not environment.is_file():
        raise UsageError(f"there is no environment file {environment}")
    suites = [str(CHECKOUT / _SUITES)] if not args.suite else [str(Path(suite).absolute()) for suite in args.suite]
    for suite in suites:
        if not Path(suite.partition("::")[0]).exists():
            raise UsageError(f"there are no suites {suite}", remedy="run this command from a checkout")
    return Sessions(environment.resolve(), suites, args.bench, ["-p", "harness.prove.plugin"], args.limit)


def _folder(out: Path | None) -> Path:
    """The folder of this proof, made."""
    reports = out.absolute() if out else CHECKOUT / _REPORTS
    base = reports / f"prove-{folder.run_id()}"
    base.mkdir(parents=True)
    return base


def _begun(base: Path) -> ProofReport:
    return ProofReport(
        id=base.name,
        started=datetime.now(UTC).isoformat(),
        duration_s=0.0,
        command=shlex.join(["harness", *sys.argv[1:]]),
        harness_version=provenance.harness_version(),
        harness_commit=provenance.harness_commit(),
    )


def _say(text: str) -> None:
    print(text, flush=True)


def _trouble(report: ProofReport) -> Iterator[str]:
    """What keeps the proof from holding, a line each."""
    for proof in report.proofs:
        if proof.outcome != "caught":
            yield f"hole: {line(proof)}"
    for control in report.controls:
        for test in control.failed:
            yield f"without a fault ({control.what}): {test}"
    for difference in report.differences:
        yield f"depends on the order: {difference.test}: {', '.join(difference.verdicts)}"


def _status(report: ProofReport) -> int:
    if report.holds:
        return EXIT_PASS
    troubled = any(proof.outcome == "trouble" for proof in report.proofs)
    return EXIT_BENCH_TROUBLE if troubled else EXIT_REQUIREMENT_FAILED
