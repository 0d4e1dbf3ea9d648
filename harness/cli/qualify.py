# SPDX-License-Identifier: Apache-2.0
"""``harness qualify``: run the suites on every bench and end with the verdict and the path of the report.

The suites run in a pytest process of their own. It dies with this process, whatever ends it; what it had started then
ends too, because the emulated hosts hang on pytest's life in the same way.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from harness.errors import EXIT_BENCH_TROUBLE, UsageError
from harness.report import folder, html, reader

HELP = "run the suites on every bench, write the report, and say the verdict"

_CHECKOUT: Final = Path(__file__).resolve().parents[2]
_REPORTS: Final = "reports"
_INTERRUPTED: Final = 130
# Bringing benches down takes a few seconds at most; a host that hangs is killed after its own limits.
_CLEAN_SECONDS: Final = 30.0
_PR_SET_PDEATHSIG: Final = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to run, where, and where the report goes."""
    parser.add_argument(
        "--lg-env", type=Path, metavar="FILE", help="labgrid environment file (default: boards.yaml of the checkout)"
    )
    parser.add_argument("--bench", action="append", default=[], metavar="NAME", help="this bench only; repeatable")
    parser.add_argument("--nightly", action="store_true", help="also the tests that take minutes")
    parser.add_argument("-k", dest="keyword", metavar="EXPRESSION", help="these tests only (as pytest's -k)")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for reports, each run in its own (default: reports)"
    )


def run(args: argparse.Namespace) -> int:
    """Run pytest to its end; the exit status is the verdict's (0, 1, 2 or 3), 130 after an interrupt."""
    environment = args.lg_env or _CHECKOUT / "boards.yaml"
    if not environment.is_file():
        raise UsageError(f"there is no environment file {environment}")
    if not (_CHECKOUT / "suites").is_dir():
        raise UsageError(f"there are no suites in {_CHECKOUT}", remedy="run this command from a checkout")
    reports = _reports_folder(args.out)
    before = _unfinished(reports)
    status = _run_pytest(_command(environment.resolve(), reports, args))
    if status < 0:
        print(f"pytest was ended by {signal.Signals(-status).name}", file=sys.stderr)
        _report_what_is_there(_unfinished(reports) - before)
        return EXIT_BENCH_TROUBLE
    return status


def _reports_folder(out: Path | None) -> Path:
    """As the user may write it: pytest runs in the checkout, and the last line shows this path."""
    if out is not None:
        return out.absolute()
    return Path(_REPORTS) if Path.cwd() == _CHECKOUT else _CHECKOUT / _REPORTS


def _command(environment: Path, reports: Path, args: argparse.Namespace) -> list[str]:
    chosen = [option for name in args.bench for option in ("--bench", name)]
    return [
        *(sys.executable, "-m", "pytest", "suites"),
        *("--lg-env", str(environment), "--report-dir", str(reports)),
        *chosen,
        *(["--nightly"] if args.nightly else []),
        *(["-k", args.keyword] if args.keyword else []),
    ]


def _run_pytest(command: list[str]) -> int:
    """pytest's exit status; 130 when it was interrupted; minus the signal's number when it was killed.

    It has a process group of its own, so that a Ctrl-C reaches it once, through us: a second one would interrupt the
    fixtures that bring the benches down.
    """
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        process = subprocess.Popen(
            command, cwd=_CHECKOUT, stdin=subprocess.DEVNULL, process_group=0, preexec_fn=_die_with(os.getpid())
        )
        try:
            return process.wait()
        except KeyboardInterrupt:
            _bring_down(process)
            return _INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, previous)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _bring_down(process: subprocess.Popen[bytes]) -> None:
    """Let pytest bring the benches down; a second interrupt, or too much time, kills it."""
    print("interrupted: bringing the benches down (once more to give up waiting)", file=sys.stderr)
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_CLEAN_SECONDS)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        process.kill()
        process.wait()


def _die_with(parent: int) -> Callable[[], None]:
    """What a child does before its program starts: ask the kernel to be killed when ``parent`` ends."""
    library = ctypes.CDLL(None)

    def ask() -> None:
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    return ask


def _unfinished(reports: Path) -> set[Path]:
    """Runs that have begun and have no results."""
    return {
        journal.parent
        for journal in reports.glob(f"*/{folder.JOURNAL}")
        if not journal.parent.is_symlink() and not (journal.parent / folder.RESULTS).exists()
    }


def _report_what_is_there(runs: set[Path]) -> None:
    """Make the report of a run that was cut short, from what it had written down."""
    for place in sorted(runs):
        report = reader.read(place)
        folder.write_whole(place / folder.RESULTS, reader.to_json(report))
        html.write(place, report)
        print(html.last_line(report.run, place / folder.INDEX))
