# SPDX-License-Identifier: Apache-2.0
"""Serial ports of guests: pseudo-terminals of the host, or qvm's own standard streams.

On a QNX host ``hostdev /dev/ptyp0`` makes qvm hold the controlling side of a pseudo-terminal whose user side is
``/dev/ttyp0``. The emulated host does the same below its own root directory.

``devc-pty`` makes a number of pseudo-terminals once, and their user sides begin in edited mode with echo (utilities
reference). A host with a ``count`` of terminals is so; without one, it has as many as guests ask for, each raw and only
while a guest has it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import sys
import termios
import tty
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from harness.emulator import shortages
from harness.emulator.machine import Console
from harness.shmem.config import ConfigError

STANDARD_STREAMS: Final = ">-"
_PTY: Final = re.compile(r"/dev/pty([p-za-e][0-9a-z]*)")


@dataclass
class OpenConsole:
    """A console that QEMU can be given: its options, and what the host must keep open and remove again."""

    arguments: list[str]
    inherit: list[int] = field(default_factory=list)
    keep: list[int] = field(default_factory=list)
    link: Path | None = None
    give_back: Callable[[], None] | None = None

    @property
    def unread(self) -> int:
        """Bytes of the guest that have not been read yet; a hang-up would lose them."""
        # The kernel carries bytes over to the user side a moment later, but at once for a reader that polls.
        poll = select.poll()
        for fd in self.keep:
            poll.register(fd, select.POLLIN)
        poll.poll(0)
        counts = (fcntl.ioctl(fd, termios.FIONREAD, bytes(4)) for fd in self.keep)
        return sum(int.from_bytes(count, sys.byteorder) for count in counts)

    def close(self) -> None:
        """Take the user side away and close both ends."""
        try:
            if self.give_back is not None:
                self.give_back()
        finally:
            for fd in {*self.inherit, *self.keep}:
                os.close(fd)


class Terminals:
    """The pseudo-terminals of a host whose root is ``root``: a fixed ``count``, or as many as guests ask for."""

    def __init__(self, root: Path, count: int = 0) -> None:
        self._root = root
        self._fixed = [self._link(f"p{number:x}") for number in range(count)]
        self._taken: set[Path] = set()
        self._idle: dict[Path, tuple[int, int]] = {}
        for link in self._fixed:
            self._make(link)

    def take(self, console: Console) -> tuple[Path, int, int, Callable[[], None]]:
        """The user side's name, the controlling side, the user side, and what gives the terminal back.

        Raises ConfigError for a device that this host has not, or one that is in use. Raises OSError for one that
        cannot be made.
        """
        match = _PTY.fullmatch(console.hostdev)
        link = self._link(match[1]) if match else None
        if link is None or (self._fixed and link not in self._fixed):
            raise ConfigError(
                "the emulated host has no such device",
                console.position,
                found=console.hostdev,
                expected="/dev/ptypN (its other side is /dev/ttypN) or >-",
            )
        if link in self._taken:
            raise _in_use(console)
        if self._fixed:
            if link not in self._idle:
                self._make(link)
            controller, user = self._idle.pop(link)
        else:
            with _pair() as (controller, user):
                # Nothing of the host's terminal handling may change bytes on their way, not even before it is opened.
                tty.setraw(user)
                link.symlink_to(os.ttyname(user))
        self._taken.add(link)
        return link, controller, user, lambda: self._give_back(link)

    def _give_back(self, link: Path) -> None:
        self._taken.discard(link)
        if not self._fixed:
            link.unlink(missing_ok=True)
            return
        try:
            # The next guest's, in edited mode again: what a reader has of this one ends with its guest.
            self._make(link)
        except OSError as error:
            # It is made when the next guest wants it.
            shortages.note(error, "a pseudo-terminal of the host")
            link.unlink(missing_ok=True)

    def close(self) -> None:
        """Close those that no guest has."""
        for ends in self._idle.values():
            for fd in ends:
                os.close(fd)
        self._idle.clear()

    def _link(self, name: str) -> Path:
        return self._root / "dev" / f"tty{name}"

    def _make(self, link: Path) -> None:
        temporary = link.with_name(f".{link.name}.new")
        with _pair() as (controller, user):
            temporary.unlink(missing_ok=True)
            temporary.symlink_to(os.ttyname(user))
            temporary.replace(link)
        self._idle[link] = controller, user


@contextlib.contextmanager
def _pair() -> Iterator[tuple[int, int]]:
    """A new pseudo-terminal: the controlling side and the user side, which are closed when its making fails."""
    ends = os.openpty()
    try:
        yield ends
    except BaseException:
        for fd in ends:
            os.close(fd)
        raise


def _in_use(console: Console) -> ConfigError:
    return ConfigError("this pseudo-terminal is in use by another guest", console.position, found=console.hostdev)


def open_console(console: Console, number: int, terminals: Terminals) -> OpenConsole:
    """Make the port. Raises ConfigError for a device that this host has not, or one that is in use."""
    if console.hostdev == STANDARD_STREAMS:
        # QEMU has a session of its own, so that a Ctrl-C reaches qvm alone.
        return OpenConsole(["-chardev", f"stdio,id=console{number},signal=on", "-serial", f"chardev:console{number}"])
    link, controller, user, give_back = terminals.take(console)
    # The host keeps the user side open, so that the guest's output waits for a reader instead of failing.
    arguments = ["-add-fd", f"fd={controller},set={number}"]
    # "serial" opens the descriptor for both directions; "pty" would look for a reader only once a second.
    arguments += [
        "-chardev",
        f"serial,id=console{number},path=/dev/fdset/{number}",
        "-serial",
        f"chardev:console{number}",
    ]
    return OpenConsole(arguments, [controller], [user], link, give_back)


class TerminalModes:
    """How the standard streams of a qvm were before QEMU had them.

    QEMU makes a terminal raw, without echo, and one whose reads do not block. It puts that back at an orderly end; most
    ends of a guest are none.
    """

    def __init__(self, streams: Sequence[int]) -> None:
        self._modes: list[tuple[int, bool, list[int | list[bytes | int]] | None]] = []
        try:
            for stream in streams:
                fd = os.dup(stream)
                self._modes.append((fd, os.get_blocking(fd), _modes(fd)))
        except OSError:
            self.put_back()
            raise

    def put_back(self) -> None:
        """Make the streams again what they were; harmless twice."""
        while self._modes:
            fd, blocking, modes = self._modes.pop()
            # A terminal that has gone needs none.
            with contextlib.suppress(OSError, termios.error):
                os.set_blocking(fd, blocking)
                if modes is not None:
                    termios.tcsetattr(fd, termios.TCSANOW, modes)
            os.close(fd)


def _modes(fd: int) -> list[int | list[bytes | int]] | None:
    """The modes of a terminal; None for another stream."""
    try:
        return termios.tcgetattr(fd)
    except termios.error:
        return None
