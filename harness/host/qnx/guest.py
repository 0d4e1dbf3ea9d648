# SPDX-License-Identifier: Apache-2.0
"""A guest on a QNX host: a qvm process at the other end of an SSH channel of its own."""

from __future__ import annotations

import posixpath
import re
import shlex
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import paramiko

from harness.errors import BenchError
from harness.host.protocol import (
    REJECTED,
    ConsoleLocation,
    GuestEndedError,
    HostGuest,
    SecondGuestError,
    StopHow,
)
from harness.host.qnx.console import ConsoleBridge
from harness.host.qnx.tools import send_signal
from harness.host.sftp import exists
from harness.host.sockets import exit_status, receive
from harness.host.ssh import SshConnection, SshLostError

_SIGNALS: Final[dict[StopHow, str]] = {"power-button": "TERM", "power-cut": "QUIT"}
_COMMAND_SECONDS: Final = 15.0
_NODE_SECONDS: Final = 0.05
_STATUS_SECONDS: Final = 5.0
_QUIT_SECONDS: Final = 5.0
_END_SECONDS: Final = 5.0
_PID_LINE: Final = re.compile(rb"^@qvm (\d+)\r?\n", re.MULTILINE)
_POSITION: Final = re.compile(r"^\[(?P<file>[^\]:]*):(?P<line>\d+)\]", re.MULTILINE)


@dataclass(frozen=True)
class Launch:
    """What is started, and where: paths on the host, and the configuration's text for messages.

    ``folder`` is the directory in which qvm runs, ``pid_file`` where the shell notes its process id, ``node`` the entry
    of /dev/qvm that exists while the guest lives. ``terminal`` is the console's user side on the host, or the
    ``uart`` of the board, reached from this machine, that the configuration hands to the guest. ``again``: a guest of
    that name runs already, so that the entry is there whatever becomes of this one.
    """

    system: str
    qvm: str
    configuration: str
    text: str
    folder: str
    pid_file: str
    node: str
    terminal: str
    set_raw: str
    uart: ConsoleLocation | None = None
    again: bool = False

    def command(self) -> str:
        """Shell text that runs qvm, notes its process id, cuts its power when the connection ends before it.

        qvm is in the foreground: a shell makes what it starts in the background deaf to SIGQUIT (POSIX, "Signals and
        Error Handling"). The alarm next to it works as in ``ssh.guarded``; where it comes before qvm, it waits for the
        process id, and without one there is no qvm. It goes on as long as there is the process: a shell of the ksh kind
        that is just about to become qvm catches the signal and forgets it.
        """
        note = shlex.quote(self.pid_file)
        run = f'echo "@qvm $$"; echo $$ >{note} || exit 1; exec {self.qvm} @{shlex.quote(self.configuration)}'
        return (
            f"cd {shlex.quote(self.folder)} || exit 1; rm -f {note}; exec 3<&0; "
            f"{{ cat <&3; until [ -s {note} ]; do :; done; "
            f"while kill -s QUIT $(cat {note}); do sleep 1 || break; done; }} >/dev/null 2>&1 & guard=$!; "
            "exec 3<&-; "
            f"sh -c {shlex.quote(run)} </dev/null; status=$?; "
            f"kill $guard 2>/dev/null; rm -f {note}; exit $status"
        )


class QnxGuest(HostGuest):
    """One started guest. Its qvm's words are taken by a thread of its own, so that qvm never waits for a reader."""

    def __init__(self, connection: SshConnection, launch: Launch, say: Callable[[str], None]) -> None:
        """Start qvm; raises SshLostError."""
        self.system = launch.system
        self._connection = connection
        self._launch = launch
        self._say = say
        self._said = bytearray()
        self._status: int | None = None
        self._bridge: ConsoleBridge | None = None
        self._changed = threading.Condition()
        self._ended = False
        self._unsent = ""
        """The last signal that could not be sent, and why."""
        self._channel: paramiko.Channel = connection.open(launch.command())
        self._thread = threading.Thread(target=self._listen, name=f"qvm {self.system}", daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        """Take what qvm says until it ends, then its exit status."""
        while data := receive(self._channel, None):
            with self._changed:
                self._said += data
                self._changed.notify_all()
        status = exit_status(self._channel, time.monotonic() + _STATUS_SECONDS)
        self._channel.close()
        with self._changed:
            self._status, self._ended = status, True
            self._changed.notify_all()
        self._say(f"qvm of {self.system} ended with {'no exit status' if status is None else f'exit status {status}'}")

    def wait_console(self, timeout: float) -> ConsoleLocation:
        """See HostGuest. The guest's entry below /dev/qvm is looked for between short waits for qvm's end.

        Raises SecondGuestError after ``timeout`` where that entry is another guest's.
        """
        deadline = time.monotonic() + timeout
        while self._launch.again or not self._exists(self._launch.node):
            if self._wait_ended(time.monotonic() + _NODE_SECONDS):
                raise self._end_error()
            if time.monotonic() > deadline and self._launch.again:
                raise SecondGuestError(f"another guest {self.system} still runs, at {self._launch.node}")
            if time.monotonic() > deadline:
                raise BenchError(
                    f"guest {self.system} did not start within {timeout:g} s: there is no {self._launch.node} on"
                    f" {self._connection.name}; qvm said:\n{self._shown()}",
                    remedy="correct what qvm complains of, or raise boot_seconds under options in the target file",
                )
        if self._launch.uart:
            return self._launch.uart
        self._bridge = ConsoleBridge(self._connection, self._launch.terminal, self._launch.set_raw)
        return ConsoleLocation("RawSerialPort", {"port": self._bridge.port})

    def _exists(self, path: str) -> bool:
        with self._connection.translated(f"the start of guest {self.system}, the search for {path}"):
            return exists(self._connection.sftp(), path)

    def exit_status(self) -> int | None:
        """See HostGuest."""
        with self._changed:
            return self._status

    def wait_end(self, timeout: float) -> int:
        """See HostGuest."""
        if not self._wait_ended(time.monotonic() + timeout):
            why = f"; {self._unsent}" if self._unsent else ""
            raise BenchError(f"qvm of guest {self.system} did not end in {timeout:g} s{why}\n{self._shown()}")
        self._close_console()
        with self._changed:
            if self._status is None:
                raise self._lost()
            return self._status

    def messages(self) -> str:
        """See HostGuest."""
        with self._changed:
            return _PID_LINE.sub(b"", bytes(self._said)).decode("utf-8", "backslashreplace")

    def request_report(self) -> None:
        """See HostGuest. It comes at level info: the configuration's ``logger`` must let that through."""
        self._signal("USR1")
        if self._unsent and not self.ended:
            raise BenchError(f"qvm of guest {self.system} cannot be asked for its state: {self._unsent}")

    def request_stop(self, how: StopHow) -> None:
        """See HostGuest; the signals are those of the User's Guide, "Shutting down guests"."""
        self._signal(_SIGNALS[how])

    def kill(self) -> None:
        """See HostGuest. A power cut comes first; SIGKILL, which the User's Guide advises against, only after that."""
        for signal in ("QUIT", "KILL"):
            if self._wait_ended(0.0):
                break
            self._say(f"SIG{signal} to qvm of {self.system}, which does not end")
            self._signal(signal)
            self._wait_ended(time.monotonic() + _QUIT_SECONDS)
        self.close()

    def close(self) -> None:
        """Let go of the console and of qvm's channel; a qvm that still runs has its power cut by that."""
        self._close_console()
        self._channel.close()
        self._thread.join(_END_SECONDS)

    def _signal(self, signal: str) -> None:
        if self._wait_ended(0.0):
            return
        pid = self._pid()
        self._unsent = ""
        done = send_signal(self._connection, signal, str(pid))
        # It may have ended in this very moment; otherwise the error that it does not end says that no signal came.
        if done.status:
            self._unsent = f"kill -s {signal} {pid} ended with exit status {done.status}: {done.output.strip()}"
            self._say(f"{self._unsent} (qvm of {self.system})")

    def _pid(self) -> int:
        """The process id that the shell printed before it became qvm. Raises BenchError."""
        with self._changed:
            self._changed.wait_for(lambda: _PID_LINE.search(self._said) or self._ended, _COMMAND_SECONDS)
            match = _PID_LINE.search(self._said)
        if match is None:
            raise BenchError(
                f"the shell that starts qvm of guest {self.system} printed no process id:\n{self._shown()}"
            )
        return int(match[1])

    @property
    def ended(self) -> bool:
        """Whether qvm has ended, or the connection to it."""
        return self._wait_ended(0.0)

    def _wait_ended(self, deadline: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._ended, max(0.0, deadline - time.monotonic()))

    def _close_console(self) -> None:
        bridge, self._bridge = self._bridge, None
        if bridge:
            bridge.close()

    def _end_error(self) -> BenchError:
        """The error for a qvm that ended when it should have run."""
        status = self.exit_status()
        if status is None:
            return self._lost()
        return GuestEndedError(self.system, status, self.messages() + self._blamed_lines(status))

    def _lost(self) -> SshLostError:
        return SshLostError(
            f"{self._connection.name}: the connection was lost while guest {self.system} ran; its qvm said:\n"
            f"{self._shown()}"
        )

    def _blamed_lines(self, status: int) -> str:
        """The lines of our configuration that qvm's messages name."""
        if status != REJECTED:
            return ""
        lines = self._launch.text.splitlines()
        name = posixpath.basename(self._launch.configuration)
        shown = [
            f"{name}, line {number}: {lines[number - 1].strip()}"
            for match in _POSITION.finditer(self.messages())
            if posixpath.basename(match["file"]) == name and 0 < (number := int(match["line"])) <= len(lines)
        ]
        return "".join(f"\n{line}" for line in dict.fromkeys(shown))

    def _shown(self) -> str:
        return "\n".join(f"  | {line}" for line in self.messages().splitlines()) or "  | (nothing)"
