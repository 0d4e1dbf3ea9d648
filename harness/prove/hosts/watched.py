# SPDX-License-Identifier: Apache-2.0
"""An emulated host that writes down which of its lines each test runs: ``python -m harness.prove.hosts.watched``.

The name of the test that begins comes as the fault to inject. The record goes into the folder that the variable
``VARIABLE`` names, a file for each host. The options are those of the host.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from coverage import Coverage

from harness import shipped

VARIABLE: Final = "SHMEM_HARNESS_REACH"


class Watch:
    """Takes the place of the defects: nothing is made wrong, and each name begins another part of the record."""

    def __init__(self, folder: Path) -> None:
        sources = [str(shipped.PACKAGE / "emulator")]
        self._coverage = Coverage(
            data_file=str(folder / f"lines.{os.getpid()}"), config_file=False, source=sources, messages=False
        )
        self._coverage.start()

    def inject(self, name: str) -> None:
        """A test begins."""
        self._coverage.switch_context(name)

    def clear(self) -> None:
        """No test is under way."""
        self._coverage.switch_context("")

    def end(self) -> None:
        """Write the record."""
        self._coverage.stop()
        self._coverage.save()


def main() -> int:
    """Watch from before the first module of the devices is read."""
    watch = Watch(Path(os.environ[VARIABLE]))
    try:
        from harness.emulator import daemon

        return daemon.main(defects=watch)
    finally:
        watch.end()


if __name__ == "__main__":
    sys.exit(main())
