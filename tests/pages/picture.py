# SPDX-License-Identifier: Apache-2.0
"""``python -m tests.pages.picture RUN FILE``: the first page of a run as a picture, as ``docs/report.png`` is made."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.pages import browser

_WIDTH: Final = 1264
_HEIGHT: Final = 1626


def main(run: str, file: str) -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory(prefix="picture-") as folder, browser.started(Path(folder)) as tab:
        tab.open(Path(run).resolve() / "index.html", _WIDTH)
        tab.resized(_WIDTH, _HEIGHT)
        tab.pictured(Path(file))


if __name__ == "__main__":
    main(*sys.argv[1:])
