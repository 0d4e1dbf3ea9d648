# SPDX-License-Identifier: Apache-2.0
"""The pages of a session: none where it is a part of a run whose report has them (``harness qualify``)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from harness.report.evidence import folder
from harness.report.evidence.model import Report
from harness.report.pages import html

OF_A_PART: Final = "--events-to"
"""The option of such a session: somebody listens to it."""


def write(config: pytest.Config, target: Path, report: Report) -> None:
    """Write the pages of the session's report into its folder. Raises OSError."""
    if not _is_part(config):
        html.write(target, report)


def first_file(config: pytest.Config) -> str:
    """The file to look at first, in the folder of the report."""
    return folder.RESULTS if _is_part(config) else folder.INDEX


def _is_part(config: pytest.Config) -> bool:
    return config.getoption(OF_A_PART) is not None
