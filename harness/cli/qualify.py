# SPDX-License-Identifier: Apache-2.0
"""``harness qualify``: run the suites on every bench and end with the verdict and the path of the report.

Each bench, and each placement of an embedded one, is a pytest session of its own, as a person would start it with
``--bench`` and ``--placement``, and several run side by side. A session dies with this process, whatever ends it;
what it had started then ends too, because the emulated hosts hang on pytest's life in the same way.
"""

from __future__ import annotations

import argparse
import contextlib
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from labgrid.config import Config

from harness import shipped
from harness.audit.policy_file import read_policy
from harness.audit.system import read_system
from harness.bench.bare import bare_start
from harness.bench.settings import BenchConfig
from harness.errors import EXIT_BENCH_ERROR, STATUSES_OF_A_RUN, UsageError
from harness.process import ending
from harness.process.command import count, path, source
from harness.process.interpreter import refuse_optimised
from harness.report.evidence.folder import INDEX
from harness.report.evidence.model import Report
from harness.report.exports.outcome import outcome
from harness.report.pages import html
from harness.report.recording.live import LiveTable
from harness.report.recording.progress import Progress
from harness.runs import cost, rerun
from harness.runs.qualify import Part, Qualification
from harness.runs.sessions import Sessions, processors, until_interrupted
from harness.shmem.config import ConfigError
from harness.target.benches import embedded, read_benches
from harness.target.check import require_environment

HELP = "run the suites on every bench, write the report, and print the verdict"

_REPORTS: Final = "reports"
_OF_SYSTEM: Final = f"{shipped.SUITES.name}/system"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options: what to run, where, and where the report goes."""
    parser.epilog = STATUSES_OF_A_RUN
    parser.add_argument(
        "suite", nargs="*", metavar="SUITE", help="folder or file of your own suites (default: those of the harness)"
    )
    add_environment(parser)
    parser.add_argument(
        "--bench", action="append", default=[], metavar="NAME", help="run on this bench only; repeatable"
    )
    parser.add_argument(
        "--jobs",
        type=count,
        default=processors() + 1,  # A session waits for its guests now and then.
        metavar="N",
        help="number of parallel sessions (default: one more than there are processors, %(default)s)",
    )
    parser.add_argument(
        "--system",
        type=path,
        metavar="DIR",
        help="try this system, and without SUITE nothing else: the folder with the qvm configurations of a host's VMs",
    )
    parser.add_argument("--policy", type=source, metavar="FILE", help="the policy of that system")
    parser.add_argument("--nightly", action="store_true", help="also run the tests that take minutes")
    parser.add_argument(
        "--no-false-answers",
        action="store_true",
        help="do not run tests that passed again with false answers; the run is partial if there are such tests",
    )
    parser.add_argument("--model-steps", metavar="N", type=count, help="steps of random histories on each bench")
    parser.add_argument("--model-seed", metavar="N", type=int, help="first seed of the random histories")
    parser.add_argument("-k", dest="keyword", metavar="EXPRESSION", help="run only these tests (as pytest's -k)")
    parser.add_argument(
        "--operator", default="", metavar="NAME", help="who runs it; the first page of the report shows it"
    )
    parser.add_argument(
        "--purpose", default="", metavar="TEXT", help="what the run is for; the first page of the report shows it"
    )
    parser.add_argument(
        "--rerun", type=path, metavar="DIR", help="continue this run: try again what failed, broke or did not run"
    )
    parser.add_argument(
        "--out", type=path, metavar="DIR", help="folder for reports, each run in its own (default: reports)"
    )
    parser.add_argument(
        "--json", action="store_true", help="print the verdict and its reasons as JSON, the rest to stderr"
    )


def add_environment(parser: argparse.ArgumentParser) -> None:
    """Add the option for the environment file; without it, it is that of ``default_environment``."""
    parser.add_argument(
        "--lg-env",
        type=path,
        metavar="FILE",
        help="labgrid environment file (default: boards.yaml of this folder, else the embedded benches)",
    )


def run(args: argparse.Namespace) -> int:
    """Run the sessions to their end; the exit status is the verdict's (0 to 4), 130 after an interrupt."""
    if not args.json:
        return _run(args, lambda _report, _page: None)
    output = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        return _run(args, lambda report, page: print(outcome(report, page), file=output))


def _run(args: argparse.Namespace, tell: Callable[[Report, Path], None]) -> int:
    refuse_optimised()
    environment = args.lg_env or default_environment()
    benches = benches_of(environment, args.bench)
    _check_system(args, environment, benches)
    earlier = rerun.earlier(args.rerun) if args.rerun else None
    if earlier:
        benches = [bench for bench in benches if earlier.wanted(bench) != []]
        if not benches:
            raise UsageError(f"nothing failed, broke or was left in {args.rerun}")
    options = _options(args)
    sessions = _sessions(environment.resolve(), args.suite, options, of_system=bool(args.system))
    for text in sessions.ignored:
        print(f"ignored: {text} (a qualification runs the suites as they are)")
    progress = LiveTable(sys.stdout) if sys.stdout.isatty() else Progress(sys.stdout, None)
    qualification = Qualification(
        sessions,
        reports_folder(args.out),
        shlex.join(["harness", *sys.argv[1:]]),
        progress,
        {name: value for name in ("operator", "purpose") if (value := getattr(args, name))},
        earlier,
    )
    status = None
    try:
        until_interrupted(qualification.run(parts_of(environment, benches), args.jobs))
    except KeyboardInterrupt:
        qualification.add_error("the run was interrupted")
        status = ending.INTERRUPTED
    finally:
        progress.close()
    with ending.held():
        return _finish(qualification, environment, status, tell)


def _check_system(args: argparse.Namespace, environment: Path, benches: Sequence[str]) -> None:
    """Raise UsageError for a system or a policy that every session would refuse, after some time."""
    if args.system and not args.system.is_dir():
        raise UsageError(
            f"there is no folder {args.system}",
            remedy="give --system the folder with the qvm configurations of all VMs",
        )
    if args.policy and not args.system:
        known = read_benches(Config(str(environment)))
        if any(known[name].system is None for name in benches):
            raise UsageError("--policy without --system", remedy="name the folder with the configurations")
    try:
        if args.system:
            read_system([str(args.system)])
        if args.policy:
            read_policy(str(args.policy))
    except ConfigError as error:
        raise UsageError(f"{error.position}: {error.description}") from None


def _options(args: argparse.Namespace) -> list[str]:
    """The options of each session."""
    options = ["--nightly"] if args.nightly else []
    options += ["--no-false-answers"] if args.no_false_answers else []
    for name, value in (
        ("-k", args.keyword),
        ("--model-steps", args.model_steps),
        ("--model-seed", args.model_seed),
    ):
        options += [name, str(value)] if value not in (None, "") else []
    # The sessions run in another folder.
    for name, given in (("--system", args.system), ("--policy", args.policy)):
        options += [name, str(given.absolute())] if given else []
    return options


def _finish(
    qualification: Qualification, environment: Path, status: int | None, tell: Callable[[Report, Path], None]
) -> int:
    try:
        report = qualification.finish()
    except OSError as error:
        print(html.without_report(error, qualification.shown))
        return EXIT_BENCH_ERROR
    if status is None:
        architectures = {name: bench.architecture for name, bench in _embedded(environment).items()}
        for line in cost.lines(qualification.spent(report), architectures, bare_start):
            print(line)
    for line in qualification.summary(report):
        print(line)
    print(html.last_line(report.run, qualification.shown / INDEX))
    tell(report, qualification.shown / INDEX)
    return report.run.exit_status if status is None else status


def benches_of(environment: Path, names: list[str]) -> list[str]:
    """The benches to run, in the order of the file. Raises UsageError when there is no such file or bench."""
    require_environment(environment)
    known = list(Config(str(environment)).get_targets())
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise UsageError(f"no bench {', '.join(unknown)} in {environment}", remedy=f"choose one of {', '.join(known)}")
    return [name for name in known if not names or name in names]


def parts_of(environment: Path, benches: Sequence[str]) -> list[Part]:
    """The sessions of these benches: one for each placement where every session has a host of its own.

    A bench that tries little (``beyond``) is not worth a second one.
    """
    embedded = _embedded(environment)
    split = {name: bench.placements for name, bench in embedded.items() if not bench.beyond}
    return [Part(name, placement) for name in benches for placement in split.get(name, ("",))]


def _embedded(environment: Path) -> dict[str, BenchConfig]:
    config = Config(str(environment))
    return embedded(config, read_benches(config))


def reports_folder(out: Path | None) -> Path:
    """Return the folder as the user may write it, because the last line shows this path."""
    return Path(_REPORTS) if out is None else out.absolute()


def default_environment() -> Path:
    own = Path(shipped.BENCHES.name)
    return own if own.is_file() else shipped.BENCHES


def _sessions(environment: Path, suites: Sequence[str], options: Sequence[str], *, of_system: bool) -> Sessions:
    """Those of the named suites, or of the harness's own; of these with ``of_system`` the one about a user's system.

    Raises UsageError for suites that do not exist.
    """
    if not suites and of_system:
        return Sessions(environment, (_OF_SYSTEM,), options=options)
    if not suites:
        return Sessions(environment, options=options)
    for suite in suites:
        if not Path(suite.partition("::")[0]).exists():
            raise UsageError(f"there is no suite {suite}", remedy="name a folder or a file of tests")
    return Sessions(environment, suites, options=options, folder=Path.cwd())
