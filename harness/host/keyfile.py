# SPDX-License-Identifier: Apache-2.0
"""Private keys for SSH, of any kind that paramiko knows."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from paramiko.pkey import UnknownKeyType

KEY_ERRORS: Final = (OSError, ValueError, TypeError, UnsupportedAlgorithm, UnknownKeyType, paramiko.SSHException)
"""What paramiko and the library below it raise for a file that is no key, or one of a kind that they do not know."""


def load_key(file: Path, password: str | None) -> paramiko.PKey:
    """The key in a file. Raises what ``KEY_ERRORS`` has."""
    try:
        return paramiko.PKey.from_path(file)
    except TypeError:  # it has a passphrase
        if password is None:
            raise
        # paramiko hands it to a library that takes bytes alone.
        return paramiko.PKey.from_path(file, password.encode())  # type: ignore[arg-type]
