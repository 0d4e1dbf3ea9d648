# SPDX-License-Identifier: Apache-2.0
"""``harness new-target``: a target file for a board of your own, from a few questions, and checked at once."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.arch import ARCHES
from harness.errors import EXIT_PASS, EXIT_REQUIREMENT_FAILED, UsageError
from harness.process.command import path
from harness.shmem.profile import PROFILES

HELP = "write a target file for a board of your own, with templates for its guests"


@dataclass(frozen=True)
class _Question:
    """One thing to know: the option that gives it, and the question that asks for it."""

    option: str
    words: str
    default: str | None
    choices: tuple[str, ...] = ()


_QUESTIONS: Final = (
    _Question("arch", "architecture of the board", None, ARCHES),
    _Question("release", "release of the QNX Hypervisor", "8.0", tuple(PROFILES)),
    _Question("console", "serial console (/dev/ttyUSB0, rfc2217://HOST:PORT, raw://HOST:PORT, none)", "/dev/ttyUSB0"),
    _Question("address", "network address of the host (empty: find it on the console)", ""),
    _Question("user", "account for SSH and the console", "root"),
    _Question("key", "private key for SSH (empty: the SSH agent)", ""),
    _Question("power", "power switch (network:MODEL:HOST:INDEX, command, manual, none)", "manual"),
)

_UNASKED: Final = "give the answers as options, and --defaults for the rest (harness new-target --help)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add an option for each question; what no option gives is asked for on a terminal, or has its default."""
    parser.add_argument("name", help="name of the target and of its file: lower-case letters, digits, - and _")
    for question in _QUESTIONS:
        parser.add_argument(f"--{question.option}", choices=question.choices or None, help=question.words)
    parser.add_argument("--power-on", default="", metavar="CMD", help="with --power command")
    parser.add_argument("--power-off", default="", metavar="CMD", help="with --power command")
    parser.add_argument(
        "--host-key",
        choices=("known_hosts", "console"),
        default="known_hosts",
        help="how the SSH key of the host is verified (default: known_hosts)",
    )
    parser.add_argument("--folder", type=path, default=Path("targets"), help="where (default: targets/)")
    parser.add_argument(
        "--defaults", action="store_true", help="do not ask; use the default for every option that is not given"
    )


def run(args: argparse.Namespace) -> int:
    """Ask, write the file and check it."""
    from harness.target.check import check
    from harness.target.new import Answers, Console, Power, write

    asking = sys.stdin is not None and sys.stdin.isatty() and not args.defaults
    given = {question.option: _answer(question, getattr(args, question.option), asking) for question in _QUESTIONS}
    on, off = args.power_on, args.power_off
    if given["power"] == "command" and asking:
        on = on or _ask("command that switches the power on: ")
        off = off or _ask("command that switches it off: ")
    answers = Answers(
        name=args.name,
        architecture="aarch64" if given["arch"] == "aarch64" else "x86_64",
        release=given["release"],
        console=Console.of(given["console"]),
        power=Power.of(given["power"], on, off),
        address=given["address"],
        user=given["user"],
        key=given["key"],
        host_key=args.host_key,
    )
    file = write(answers, args.folder)
    problems = check(file, filled_in=False)
    for problem in problems:
        print(problem)
    print(f"{file}: written, templates of guests in {file.with_suffix('')}")
    marks = [str(problem.line) for problem in check(file) if problem not in problems]
    if marks:
        print(f"next: fill in the lines that are marked with FILL IN ({' and '.join(marks)}), and remove the marks")
    print(f"then: harness check-target --live {file}")
    return EXIT_REQUIREMENT_FAILED if any(not problem.warning for problem in problems) else EXIT_PASS


def _answer(question: _Question, given: str | None, asking: bool) -> str:
    """Take the answer from the option, the terminal, or the default. Raises UsageError when there is none."""
    if given is not None:
        return given
    while asking:
        said = _ask(f"{question.words}{_hint(question)}: ") or question.default
        if said is not None and (not question.choices or said in question.choices):
            return said
        print(f"  one of: {', '.join(question.choices)}")
    if question.default is None:
        raise UsageError(
            f"--{question.option} is missing, and has no default",
            remedy=f"give --{question.option} {' or '.join(question.choices)}",
        )
    return question.default


def _ask(question: str) -> str:
    """Ask on the terminal. Raises UsageError when the input has ended."""
    try:
        return input(question).strip()
    except EOFError:
        print()
        raise UsageError("the input ended before all questions were answered", remedy=_UNASKED) from None


def _hint(question: _Question) -> str:
    words = "/".join(question.choices)
    return f" ({words})" * bool(words) + f" [{question.default}]" * bool(question.default)
