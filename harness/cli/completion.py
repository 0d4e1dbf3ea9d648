# SPDX-License-Identifier: Apache-2.0
"""``harness completion``: a script that lets a shell complete commands, options and files."""

from __future__ import annotations

import argparse

import shtab

from harness.errors import EXIT_PASS
from harness.process.command import path

HELP = "print a script with which a shell completes commands, options and files"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the shell."""
    parser.add_argument("shell", choices=shtab.SUPPORTED_SHELLS, help="the shell to print the script for")
    parser.epilog = (
        "example: harness completion bash > ~/.local/share/bash-completion/completions/harness"
        "   (a new shell has it; after an update, write it again)"
    )


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    from harness.cli import whole_parser

    parser = whole_parser()
    _complete_files(parser)
    print(shtab.complete(parser, args.shell))
    return EXIT_PASS


def _complete_files(parser: argparse.ArgumentParser) -> None:
    """Complete arguments that are paths as file names."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                _complete_files(below)
        elif action.type is path:
            setattr(action, "complete", shtab.FILE)  # noqa: B010 - shtab's own way to mark an argument
