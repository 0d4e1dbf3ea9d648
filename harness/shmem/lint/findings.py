# SPDX-License-Identifier: Apache-2.0
"""What the linter says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.shmem.config import ConfigError, Position

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Warning_:
    """A remark on a configuration; ``code`` names its kind for tools."""

    severity: Severity
    position: Position
    text: str
    code: str

    def __str__(self) -> str:
        return f"{self.position}: {self.severity}: {self.text} [{self.code}]"


def of_error(error: ConfigError) -> Warning_:
    """The finding for an error of the parser or of the validation."""
    return Warning_("error", error.position, error.description, error.code)
