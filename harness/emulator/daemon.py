# SPDX-License-Identifier: Apache-2.0
"""The process that is an emulated host: ``python -m harness.emulator.daemon``.

It ends, and everything it started with it, when its lifeline (a pipe that its owner holds) closes, at SIGTERM or
SIGINT, or, for the host that ``qvm`` starts for itself, when its last client has gone: a guest's qvm, as a rule.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import logging
import os
import resource
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from harness.account import make_private
from harness.emulator.faults.injection import Injection
from harness.emulator.machine.board import ChipSet
from harness.emulator.service.control import Defects, Service
from harness.emulator.service.host import Host
from harness.emulator.service.protocol import HOST_RUNS, SOCKET_NAME
from harness.errors import BenchError
from harness.paths import must_be_plain
from harness.process.command import guarded
from harness.process.lifeline import watch_for_the_end
from harness.process.streams import STDERR
from harness.shmem.profile import Profile

_LOCK = "lock"
_DESCRIPTORS = 1 << 16


def main(argv: Sequence[str] | None = None, defects: Defects | None = None) -> int:
    """Run a host until it receives a signal to end. ``defects`` makes its devices wrong on request."""
    return guarded("emulated host", lambda: _main(argv, defects or Injection()))


def _main(argv: Sequence[str] | None, defects: Defects) -> int:
    arguments = _arguments(argv)
    logging.basicConfig(level=arguments.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # The end of a connection is reported by the task that waits for it.
    logging.getLogger("qemu.qmp").setLevel(logging.CRITICAL)
    return asyncio.run(_run(arguments, defects))


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="harness.emulator.daemon", description="An emulated QNX Hypervisor host.")
    parser.add_argument(
        "--run-dir", type=Path, required=True, help="directory of this host (a short path, because it holds sockets)"
    )
    parser.add_argument("--profile", default="7.0", help="release whose documented behaviour the host has")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=READING", help="override a profile field")
    parser.add_argument("--chip-set", choices=get_args(ChipSet), default="q35", help="of guests that are PCs")
    parser.add_argument(
        "--terminals", type=int, default=0, help="pseudo-terminals, as devc-pty makes them; 0: as guests ask for them"
    )
    parser.add_argument("--lifeline", type=int, metavar="FD", help="end when this inherited descriptor closes")
    parser.add_argument("--linger", action="store_true", help="end when the last client has ended")
    parser.add_argument("--log-level", default="warning")
    return parser.parse_args(argv)


async def _run(arguments: argparse.Namespace, defects: Defects) -> int:
    profile = Profile.load(arguments.profile, dict(item.split("=", 1) for item in arguments.set))
    must_be_plain(arguments.run_dir, "the directory of the host")
    _take(arguments.run_dir)
    _clean(arguments.run_dir)
    _want_descriptors()
    ending = asyncio.Event()
    watch_for_the_end(ending, arguments.lifeline)
    host = Host(arguments.run_dir, profile, arguments.chip_set, terminals=arguments.terminals)
    service = Service(host, defects, ending, linger=arguments.linger)
    try:
        await service.listen(arguments.run_dir / SOCKET_NAME)
        if arguments.linger:
            _log_to(arguments.run_dir / "log")
        await ending.wait()
    finally:
        await service.close()
        await host.close()
        _clean(arguments.run_dir)
        (arguments.run_dir / _LOCK).unlink()
        with contextlib.suppress(OSError):
            # Unless the next host is in it already.
            arguments.run_dir.rmdir()
    return 0


class _HostRunsError(BenchError):
    """The folder is another host's."""

    exit_status = HOST_RUNS


def _log_to(path: Path) -> None:
    """Leave the standard error of the qvm that has started this host.

    Its readers wait for its end, and that qvm ends before the host does; nor may the host wait for them.
    """
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    os.dup2(log, STDERR)
    os.close(log)


def _take(run_directory: Path) -> None:
    """Make the directory this process's own, until its end. Raises BenchError when it is another host's.

    What is in it will be removed, so it must have been a host's before, or be empty.
    """
    path = run_directory / _LOCK
    try:
        make_private(run_directory)
        if any(other.name != _LOCK for other in run_directory.iterdir()) and not path.is_file():
            said = f"{run_directory} is not empty, and not the directory of a host"
            raise BenchError(said, remedy="name another one")
        lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        mine = path.stat().st_ino == os.fstat(lock).st_ino
    except (BlockingIOError, FileNotFoundError):
        mine = False
    if not mine:
        # A host that is about to end removes its lock last: then this was the lock of that one.
        raise _HostRunsError(f"another host already runs in {run_directory}")


def _want_descriptors() -> None:
    """Have as many as this user may: each region, console and connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, _DESCRIPTORS), most))


def _clean(run_directory: Path) -> None:
    """Remove everything but the lock: what this host had, or what one that was killed has left."""
    for path in run_directory.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != _LOCK:
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
