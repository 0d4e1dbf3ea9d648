# SPDX-License-Identifier: Apache-2.0
"""``harness doctor``: check the prerequisites of this machine."""

from __future__ import annotations

import argparse
import json
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.errors import EXIT_BENCH_ERROR, EXIT_PASS
from harness.provision.checks import Check, State, checks

HELP = "check the prerequisites of this machine, and list what is missing and how to install it"

_STYLES: Final = {State.OK: "green", State.MISSING: "bold red", State.UNUSED: "dim"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the option for other tools; the command looks at everything."""
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")
    parser.epilog = "exit status: 0 a bench can run, 2 something is missing"


def run(args: argparse.Namespace) -> int:
    """Print the table; 0 when a bench can run."""
    found = checks()
    if args.json:
        rows = [{"name": each.name, "state": each.state, "found": each.found, "remedy": each.remedy} for each in found]
        print(json.dumps(rows, indent=1))
        return EXIT_BENCH_ERROR if any(each.state is State.MISSING for each in found) else EXIT_PASS
    console = Console()
    console.print(_table(found))
    missing = [check for check in found if check.state is State.MISSING]
    if not missing:
        console.print("All prerequisites are present.")
        return EXIT_PASS
    console.print(f"{len(missing)} missing. How to install them:")
    for check in missing:
        console.print(Text(f"  {check.name}: {check.remedy or check.found}"))
    return EXIT_BENCH_ERROR


def _table(found: list[Check]) -> Table:
    table = Table("what", "state", "found")
    for check in found:
        table.add_row(Text(check.name), Text(check.state, style=_STYLES[check.state]), Text(check.found))
    return table
