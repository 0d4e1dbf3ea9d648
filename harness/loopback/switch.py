# SPDX-License-Identifier: Apache-2.0
"""The power switch of a loopback board: ``python -m harness.loopback.switch FOLDER on|off``."""

from __future__ import annotations

import sys
from pathlib import Path

from harness.errors import EXIT_USAGE, HarnessError
from harness.loopback.command import command_board


def main() -> int:
    """Switch; returns the exit status."""
    if len(sys.argv) != 3 or sys.argv[2] not in ("on", "off"):
        print(__doc__, file=sys.stderr)
        return EXIT_USAGE
    try:
        command_board(Path(sys.argv[1]), sys.argv[2])
    except HarnessError as error:
        print(f"loopback board: error: {error}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
