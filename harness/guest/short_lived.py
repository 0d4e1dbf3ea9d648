# SPDX-License-Identifier: Apache-2.0
"""A folder for secrets that does not outlive its process, however that ends."""

from __future__ import annotations

import subprocess
from typing import Final

from harness.paths import plain_folder

_SCRIPT: Final = 'cat >/dev/null; rm -rf -- "$1"'
_REMOVE_SECONDS: Final = 60.0


class ShortLivedFolder:
    """A folder below the system's temporary one, readable by its owner alone.

    A shell waits for the end of a pipe that this process holds, which the kernel closes on SIGKILL too, and removes the
    folder then. It has a session of its own, so that a Ctrl-C does not end it before us.
    """

    def __init__(self, prefix: str) -> None:
        self.path = plain_folder(prefix)
        self._remover = subprocess.Popen(
            ["/bin/sh", "-c", _SCRIPT, "remover", str(self.path)], stdin=subprocess.PIPE, start_new_session=True
        )

    def close(self) -> None:
        """Remove it now. May be called again."""
        if self._remover.stdin and not self._remover.stdin.closed:
            self._remover.stdin.close()
            self._remover.wait(_REMOVE_SECONDS)
