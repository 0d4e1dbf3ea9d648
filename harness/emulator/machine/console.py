# SPDX-License-Identifier: Apache-2.0
"""Serial ports of guests: pseudo-terminals of the host, or qvm's own standard streams.

On a QNX host ``hostdev /dev/ptyp0`` makes qvm hold the controlling side of a pseudo-terminal whose user side is
``/dev/ttyp0``. The emulated host does the same below its own root directory.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import sys
import termios
import tty
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

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
        if self.link is not None:
            self.link.unlink(missing_ok=True)
        for fd in {*self.inherit, *self.keep}:
            os.close(fd)


def open_console(console: Console, number: int, root: Path) -> OpenConsole:
    """Make the port. Raises ConfigError for a device that this host has not, or one that is in use."""
    if console.hostdev == STANDARD_STREAMS:
        return OpenConsole(["-chardev", f"stdio,id=console{number},signal=off", "-serial", f"chardev:console{number}"])
    match = _PTY.fullmatch(console.hostdev)
    if match is None:
        raise ConfigError(
            "the emulated host has no such device",
            console.position,
            found=console.hostdev,
            expected="/dev/ptypN (its other side is /dev/ttypN) or >-",
        )
    link = root / "dev" / f"tty{match[1]}"
    if link.is_symlink():
        raise ConfigError("this pseudo-terminal is in use by another guest", console.position, found=console.hostdev)
    controller, user = os.openpty()
    # Nothing of the host's terminal handling may change bytes on their way, not even before the user side is opened.
    tty.setraw(user)
    link.symlink_to(os.ttyname(user))
    # The host keeps the user side open, so that the guest's output waits for a reader instead of failing.
    arguments = ["-add-fd", f"fd={controller},set={number}"]
    # "serial" opens the descriptor for both directions; "pty" would look for a reader only once a second.
    arguments += [
        "-chardev",
        f"serial,id=console{number},path=/dev/fdset/{number}",
        "-serial",
        f"chardev:console{number}",
    ]
    return OpenConsole(arguments, [controller], [user], link)
