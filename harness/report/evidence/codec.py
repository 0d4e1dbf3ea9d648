# SPDX-License-Identifier: Apache-2.0
"""Records of a report as JSON values and back, with errors of a report."""

from __future__ import annotations

from typing import TypeVar

from harness.report.evidence.model import ReportError
from harness.structured import StructureError, structure, unstructure

T = TypeVar("T")

encode = unstructure


def decode(cls: type[T], data: object, where: str) -> T:
    """A record from JSON ``data``; ``where`` names it in errors. Raises ReportError when the data are not one."""
    try:
        made: T = structure(data, cls, where)
    except StructureError as error:
        raise ReportError(str(error)) from None
    return made
