# SPDX-License-Identifier: Apache-2.0
"""The ``harness`` command. Every module in this package and below it is one subcommand.

A subcommand module has ``HELP`` (one line), ``add_arguments(parser)`` and ``run(args) -> exit status``. The module of
``harness new-target`` is ``new_target``. Modules are imported only for the command that is asked for, so that
``harness lint`` does not pay for matplotlib.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Sequence
from functools import cache
from types import ModuleType

from harness import commit
from harness.errors import EXIT_PASS, EXIT_USAGE
from harness.process.command import guarded, in_utf8


def commands() -> list[str]:
    """Names of all subcommands, as they are typed."""
    return sorted(_modules())


@cache
def _modules() -> dict[str, str]:
    """The module of each subcommand; packages below this one only sort them."""
    found = pkgutil.walk_packages(__path__, f"{__name__}.")
    return {module.name.rpartition(".")[2].replace("_", "-"): module.name for module in found if not module.ispkg}


def load(command: str) -> ModuleType:
    """The module of a subcommand."""
    return importlib.import_module(_modules()[command])


class _Parser(argparse.ArgumentParser):
    """Usage errors have the harness's own exit status."""

    def error(self, message: str) -> None:  # type: ignore[override]
        self.print_usage(sys.stderr)
        self.exit(EXIT_USAGE, f"{self.prog}: error: {message}\n")


def _overview() -> str:
    width = max(len(name) for name in commands())
    return "commands:\n" + "\n".join(f"  {name:<{width}}  {load(name).HELP}" for name in commands())


def whole_parser() -> argparse.ArgumentParser:
    """Put all subcommands into one parser, for the completion of shells."""
    parser = _Parser(prog="harness")
    below = parser.add_subparsers(metavar="COMMAND")
    for name in commands():
        module = load(name)
        module.add_arguments(below.add_parser(name, help=module.HELP, description=module.HELP))
    parser.add_argument("--version", action="store_true", help="version and commit")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; returns its exit status."""
    if argv is None:
        in_utf8()
    arguments = list(sys.argv[1:] if argv is None else argv)
    known = bool(arguments) and arguments[0] in commands()
    return guarded(f"harness {arguments[0]}" if known else "harness", lambda: _run(arguments))


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: harness COMMAND [options]   (harness COMMAND --help explains one; harness --version)")
        print(f"\n{_overview()}")
        return 0 if arguments else EXIT_USAGE
    command = arguments[0]
    if command == "--version":
        from importlib.metadata import version  # Here, because no other command needs it.

        print(f"shmem-harness {version('shmem-harness')} ({commit.in_words()})")
        return EXIT_PASS
    if command not in commands():
        print(f"harness: error: no command {command!r}; there are: {', '.join(commands())}", file=sys.stderr)
        return EXIT_USAGE
    module = load(command)
    parser = _Parser(prog=f"harness {command}", description=module.HELP)
    module.add_arguments(parser)
    return int(module.run(parser.parse_args(arguments[1:])))
