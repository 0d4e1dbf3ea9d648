# SPDX-License-Identifier: Apache-2.0
"""Which bytes in the ``name`` register are a legal name (SHM-OPEN-16)."""

from __future__ import annotations

from harness.emulator.device.regions import RequestFailed
from harness.shmem.profile import Profile
from harness.shmem.registers import MAX_NAME_LENGTH
from harness.shmem.status import Status


def legal_name(register: bytes, profile: Profile) -> str:
    """The name in the register, one character a byte. Raises RequestFailed (ILLEGAL_NAME)."""
    name, terminator, _ = register.partition(b"\0")
    if not terminator:
        if profile.name_unterminated == "illegal":
            raise RequestFailed(Status.ILLEGAL_NAME)
        if profile.name_unterminated == "truncated":
            name = name[:MAX_NAME_LENGTH]
    check_legal(name, profile)
    return name.decode("latin-1")


def check_legal(name: bytes, profile: Profile) -> None:
    """Check a name on either side of ``subst``; raises RequestFailed (ILLEGAL_NAME) when the profile forbids it."""
    questions = (
        (profile.name_empty, not name),
        (profile.name_slash, b"/" in name),
        (profile.name_control, any(byte < 0x20 or byte == 0x7F for byte in name)),
        (profile.name_non_ascii, any(byte >= 0x80 for byte in name)),
        (profile.name_leading_dot, name.startswith(b".")),
    )
    if any(reading == "illegal" and applies for reading, applies in questions):
        raise RequestFailed(Status.ILLEGAL_NAME)
