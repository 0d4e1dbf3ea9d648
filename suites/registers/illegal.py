# SPDX-License-Identifier: Apache-2.0
"""Names that are illegal by one reading of the profile or another, as the documents do not list them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pytest

from fixtures.bench import Bench

ILLEGAL: Final[Mapping[str, tuple[str, bytes]]] = {
    "empty": ("name_empty", b""),
    "unterminated": ("name_unterminated", b"32-characters-and-no-terminator-"),
    "slash": ("name_slash", b"a/b"),
    "control character": ("name_control", b"a\x07b"),
    "beyond ASCII": ("name_non_ascii", b"a\xe9b"),
    "leading dot": ("name_leading_dot", b".ab"),
}
"""By kind: the field of the profile, and a name."""


def an_illegal_name(bench: Bench) -> bytes:
    """The first of them that is illegal on the bench. Skips the test where all are legal."""
    for field, name in ILLEGAL.values():
        if getattr(bench.profile, field) == "illegal":
            return name
    pytest.skip(f"profile of bench {bench.name}: every name is legal")
