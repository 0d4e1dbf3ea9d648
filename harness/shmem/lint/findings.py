# SPDX-License-Identifier: Apache-2.0
"""What the linter says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from harness.shmem.config import ConfigError, Position, Remark
from harness.shmem.config.model import NOT_UNDERSTOOD

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


def of_remark(remark: Remark) -> Warning_:
    """The finding for a remark of the parser, or for a doubt of the validation."""
    return Warning_(remark.severity, remark.position, remark.text, remark.code)


def strictly(finding: Warning_) -> Warning_:
    """The finding where what is not understood is an error."""
    return replace(finding, severity="error") if finding.code == NOT_UNDERSTOOD else finding
