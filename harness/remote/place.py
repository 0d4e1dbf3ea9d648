# SPDX-License-Identifier: Apache-2.0
"""A place of a labgrid coordinator, by labgrid's own client."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from harness.errors import BenchError

_CLIENT_SECONDS: Final = 60.0
_TOKEN: Final = re.compile(r"^export LG_TOKEN=(\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Lab:
    """A coordinator: ``HOST:PORT``, or empty for labgrid's default and its variable LG_COORDINATOR."""

    coordinator: str = ""

    def environment(self) -> dict[str, str]:
        """What programs need to find this lab."""
        # Without it, gRPC complains about programs that this one starts.
        found = {"GRPC_ENABLE_FORK_SUPPORT": "0"}
        return found | ({"LG_COORDINATOR": self.coordinator} if self.coordinator else {})

    def client(self, *words: str, timeout: float = _CLIENT_SECONDS) -> str:
        """Run labgrid-client; returns what it says. Raises BenchError with its own words."""
        command = [sys.executable, "-m", "labgrid.remote.client", *words]
        try:
            done = subprocess.run(
                command,
                env={**os.environ, **self.environment()},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise BenchError(f"labgrid-client {' '.join(words)} did not end within {timeout:g} s") from None
        if done.returncode:
            said = (done.stderr or done.stdout).strip()
            raise BenchError(f"labgrid-client {' '.join(words)} failed:\n{said}")
        return done.stdout


@dataclass(frozen=True)
class Hold:
    """A place that is held. ``token`` is the reservation's, if there was one."""

    lab: Lab
    place: str
    token: str = ""

    def release(self) -> None:
        """Give it back. Raises BenchError."""
        try:
            self.lab.client("-p", self.place, "release")
        finally:
            if self.token:
                self.lab.client("cancel-reservation", self.token)

    def environment(self) -> dict[str, str]:
        """What programs need that use the place: labgrid's own variables."""
        return self.lab.environment() | {"LG_PLACE": self.place}


def acquire(lab: Lab, place: str) -> Hold:
    """Acquire a place by its name. Raises BenchError when somebody else has it, or there is none."""
    lab.client("-p", place, "acquire")
    return Hold(lab, place)


def reserve(lab: Lab, tags: Sequence[str], timeout: float) -> Hold:
    """Wait for a place with these tags (``KEY=VALUE``), and acquire it. Raises BenchError after ``timeout`` seconds."""
    said = lab.client("reserve", "--shell", *tags)
    match = _TOKEN.search(said)
    if match is None:
        raise BenchError(f"labgrid-client reserve said no token:\n{said}")
    token = match[1]
    try:
        lab.client("wait", token, timeout=timeout)
        lab.client("-p", f"+{token}", "acquire")
    except BaseException:
        lab.client("cancel-reservation", token)
        raise
    return Hold(lab, f"+{token}", token)
