# SPDX-License-Identifier: Apache-2.0
"""A real ser2net, as on the machine in a lab that the cables end at."""

from __future__ import annotations

import contextlib
import os
import random
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from harness.provision.process import bound_to_parent
from harness.provision.programs import board_programs
from tests import programs
from tests.boards.preloaded import preloaded

Protocol = Literal["rfc2217", "raw"]
_ACCEPTERS: dict[Protocol, str] = {"rfc2217": "telnet(rfc2217,mode=server),tcp", "raw": "tcp"}
_START_SECONDS = programs.PATIENCE


def install(folder: Path) -> Path:
    """A ser2net to put on PATH; returns its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "ser2net"
    programs = board_programs()
    # Where its library looks for modules of its own, which are not installed.
    modules = next(programs.root.glob("usr/libexec/*/gensio/*"))
    command = shlex.join(programs.command("/usr/sbin/ser2net", preload=preloaded("lookup")))
    script.write_text(f'#!/bin/sh\nGENSIO_LIBRARY_PATH={shlex.quote(str(modules))} exec {command} "$@"\n')
    script.chmod(0o755)
    return folder


@contextmanager
def serving(port: Path, protocol: Protocol, folder: Path) -> Iterator[int]:
    """A serial port on a TCP port of loopback, as labgrid's exporter has ser2net do it."""
    number = _free_port()
    lines = [
        f"connection: &con01#  accepter: {_ACCEPTERS[protocol]},127.0.0.1,{number}",
        f"  connector: serialdev(nouucplock=true),{os.path.realpath(port)},115200n81,local",
    ]
    options = [word for line in lines for word in ("-Y", line)]
    command = [str(install(folder) / "ser2net"), "-d", "-n", *options]
    with programs.Program(bound_to_parent(command), stdin=subprocess.DEVNULL, stdout=sys.stderr) as process:
        try:
            _wait(number, process)
            yield number
        finally:
            process.terminate()


def _free_port() -> int:
    """A port that nobody has, and below those that the kernel gives to connections that are made meanwhile."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        number = random.randrange(lowest // 2, lowest)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", number))
            return number


def _wait(number: int, process: programs.Program[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        table = Path("/proc/net/tcp").read_text()
        if f":{number:04X} 00000000:0000 0A" in table:
            return
        time.sleep(0.02)
    raise AssertionError(f"ser2net does not listen on {number}")
