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
from harness.provision.process import bound_to_parent
from harness.remote.watch import Watch

_CLIENT: Final = (sys.executable, "-m", "labgrid.remote.client")
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
        try:
            done = subprocess.run(
                [*_CLIENT, *words],
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
            raise _failed(words, done.stderr or done.stdout)
        return done.stdout

    def wait(self, token: str, timeout: float, watch: Watch) -> None:
        """Until a reservation has a place. Raises BenchError after ``timeout`` seconds, or when ``watch`` is over."""
        words = ("wait", token)
        with subprocess.Popen(
            bound_to_parent([*_CLIENT, *words]),
            env={**os.environ, **self.environment()},
            stdin=subprocess.DEVNULL,
            # It says every second how the queue is.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as client:
            watch.wait(client, timeout)
            status = client.poll()
            client.kill()
            _, said = client.communicate()
        if watch.over():
            raise BenchError("interrupted while waiting for a place")
        if status is None:
            raise BenchError(f"no place became free within {timeout:g} s")
        if status:
            raise _failed(words, said)


def _failed(words: Sequence[str], said: str) -> BenchError:
    return BenchError(f"labgrid-client {' '.join(words)} failed:\n{said.strip()}")


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
    """Acquire a place by its name. Raises BenchError when it is held already, or there is none."""
    lab.client("-p", place, "acquire")
    return Hold(lab, place)


def reserve(lab: Lab, tags: Sequence[str]) -> str:
    """Queue for a place with these tags (``KEY=VALUE``); returns the reservation's token. Raises BenchError."""
    said = lab.client("reserve", "--shell", *tags)
    match = _TOKEN.search(said)
    if match is None:
        raise BenchError(f"labgrid-client reserve printed no token:\n{said}")
    return match[1]


def acquire_reserved(lab: Lab, token: str, timeout: float, watch: Watch) -> Hold:
    """Wait for the place of a reservation, and acquire it.

    Raises BenchError after ``timeout`` seconds, or when ``watch`` is over; the reservation is cancelled then.
    """
    place = f"+{token}"
    try:
        lab.wait(token, timeout, watch)
        lab.client("-p", place, "acquire")
    except BaseException:
        lab.client("cancel-reservation", token)
        raise
    return Hold(lab, place, token)
