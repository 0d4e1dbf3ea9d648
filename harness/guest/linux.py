# SPDX-License-Identifier: Apache-2.0
"""The serial console of a Linux guest: a shell after a login, or the probe, which share the line.

The probe lives in a service of the guest (targets/images/probe/platform/linux/service.c), so it keeps what it has
attached while the line is used for the shell.
"""

from __future__ import annotations

import math
from typing import Any, Final

import pexpect
from labgrid.driver import ShellDriver
from labgrid.factory import target_factory

from harness.errors import BenchError
from harness.guest.console import ConsoleTransport, ShmemConsoleDriver
from harness.guest.target import GuestTarget

_LOGIN_PROMPT: Final = r"\S+ login: "
_PROMPT: Final = r"root@\S+:\S+# "
_CONNECTED: Final = "probe: connected[^\n]*\n"
_LEAVE: Final = b"\x1d"
_SWITCH_SECONDS: Final = 10.0
_QUIET: Final = "1"


class LinuxConsole:
    """Both uses of the line; it is switched over when it is needed for the other one."""

    def __init__(self, guest: GuestTarget) -> None:
        self._guest = guest
        self._console: ShmemConsoleDriver = guest.console
        self._shell: Any = None
        self._in_probe = False

    def log_in(self, timeout: float) -> None:
        """Wait for the login prompt, log in, and keep the kernel's messages off the line.

        Raises BenchError with the last lines of the console after ``timeout`` seconds.
        """
        seconds = max(1, math.ceil(timeout))
        arguments = {
            "prompt": _PROMPT,
            "login_prompt": _LOGIN_PROMPT,
            "username": "root",
            "login_timeout": seconds,
            # The console was listened to from the start: a prompt cannot have been missed, so nothing is typed blindly.
            "await_login_timeout": seconds,
        }
        self._shell = target_factory.make_driver(self._guest.target, ShellDriver.__name__, None, arguments)
        try:
            self._guest.target.activate(self._shell)
            self._be_quiet()
        except pexpect.TIMEOUT as error:
            raise self._bench_error(f"no login within {timeout:g} s") from error

    def _be_quiet(self) -> None:
        """Messages of the kernel would end up in the output of commands; all but panics go to its log alone."""
        levels, status = self.run("cat /proc/sys/kernel/printk")
        if status or not levels or levels[0].split()[0] != _QUIET:
            raise self._bench_error(f"the kernel still prints to the console (printk: {levels})")

    def run(self, command: str, timeout: float = 30.0) -> tuple[list[str], int]:
        """Run shell text; the lines of its output (errors included) and its exit status. Raises BenchError."""
        self._to_shell()
        try:
            lines, _, status = self._shell.run(f"{{ {command}\n}} 2>&1", timeout=timeout)
        except pexpect.TIMEOUT as error:
            raise self._bench_error(f"{command!r} did not end within {timeout:g} s") from error
        return list(lines), int(status)

    def transport(self) -> LinuxProbeTransport:
        """The probe, for its client."""
        return LinuxProbeTransport(self, self._console.transport())

    def to_probe(self) -> None:
        """Connect the line with the probe, unless it is. Raises BenchError."""
        if self._in_probe:
            return
        self._console.sendline("probe")
        self._expect(_CONNECTED, "the probe did not start")
        self._in_probe = True

    def _to_shell(self) -> None:
        if not self._in_probe:
            return
        self._console.send(_LEAVE)
        self._expect(_PROMPT, "the probe did not release the console")
        self._in_probe = False

    def _expect(self, pattern: str, problem: str) -> None:
        try:
            self._console.expect(pattern, timeout=_SWITCH_SECONDS)
        except pexpect.TIMEOUT as error:
            raise self._bench_error(f"{problem} within {_SWITCH_SECONDS:g} s") from error

    def _bench_error(self, what: str) -> BenchError:
        return BenchError(f"{self._guest.name}: {what}; last lines:\n{self._console.buffer.last_lines()}")


class LinuxProbeTransport:
    """The probe behind a console (``harness.guest.probe.Transport``)."""

    def __init__(self, line: LinuxConsole, transport: ConsoleTransport) -> None:
        self._line = line
        self._transport = transport

    def write(self, data: bytes) -> None:
        """Send ``data`` to the probe, switching the line over first."""
        self._line.to_probe()
        self._transport.write(data)

    def read(self, deadline: float) -> bytes:
        """At least one byte, or TimeoutError at ``deadline`` (``time.monotonic()``), or ConsoleEndedError."""
        return self._transport.read(deadline)

    def last_lines(self, n: int = 20) -> str:
        """The last lines of the console, each marked, for an error message."""
        return self._transport.last_lines(n)
