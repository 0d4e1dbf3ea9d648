# SPDX-License-Identifier: Apache-2.0
"""The states of a board with a hypervisor host on it::

    unknown --cycle--> booting --patterns--> booting --login--> shell --network, SSH--> ready
    off ------on-----> booting                                                            |
     ^                                                                                    |
     +-------- take back files and guests, cut the power <------ from every state --------+

A step that fails on the way up is tried again from a power cycle, at most ``power_cycles`` times; each is an event of
the session, and so in the evidence. What a power cycle cannot solve (a wrong password, a wrong key) ends it at once.

A board without a power switch stays on in every state. One without a console goes from power to SSH.
"""

from __future__ import annotations

import enum
import errno
import os
import select
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import attr
import serial
from labgrid.binding import BindingState
from labgrid.driver.exception import ExecutionError
from labgrid.factory import target_factory
from labgrid.protocol import ConsoleProtocol, PowerProtocol
from labgrid.resource.base import SerialPort
from labgrid.strategy import Strategy, StrategyError

from harness import events
from harness.errors import BenchError
from harness.host.board.address import find_address
from harness.host.board.console import BoardConsole
from harness.host.board.shell import BoardShell, Prompts
from harness.host.bounded import bounded
from harness.host.errors import PermanentHostError
from harness.host.qnx.driver import ShmemQnxHostDriver
from harness.host.ssh import SshUnreachableError
from harness.host.typed import stepped, unrepeatable

_BETWEEN_MILLISECONDS: Final = 100
_KEYS_SECONDS: Final = 30.0
HOST_KEY_COMMAND: Final = "cat /etc/ssh/ssh_host_*_key.pub /data/var/ssh/ssh_host_*_key.pub 2>/dev/null; true"
"""Where OpenSSH's server keeps its keys, and where images of mkqnximage keep them; either place will do."""

_text: Final = attr.validators.instance_of(str)


class BoardStatus(enum.Enum):
    """``booting``: power is on. ``shell``: logged in on the console. ``ready``: the host runs guests."""

    unknown = 0
    off = 1
    booting = 2
    shell = 3
    ready = 4


@target_factory.reg_driver
@attr.s(eq=False)
class ShmemBoardStrategy(Strategy):  # type: ignore[misc]
    """Brings a board up to a host that runs guests, and down again.

    Args:
        boot (list): patterns (regular expressions) that appear on the console one after the other while it boots
        boot_seconds (float): longest time from power on to the last of them
        username, password (str): login on the console
        login_seconds (float): longest time for the login
        login_prompt, password_prompt, refused, shell_prompt (str): what the console says (regular expressions)
        address_command (str): command on the console whose output has the network address; without one, the address of
            the NetworkService counts
        address_pattern (str): regular expression whose first group is the address; the first match outside 127/8 counts
        address_seconds (float): longest time until the command shows an address
        host_key_command (str): command on the console that shows the public SSH host keys (``host_key: console``)
        ssh_seconds (float): longest time until the SSH server answers
        power_seconds (float): longest time for one switch of the power
        power_cycles (int): how often a start that fails is tried again from a power cycle
    """

    bindings = {  # noqa: RUF012 - labgrid's own form
        "host": ShmemQnxHostDriver,
        "power": {PowerProtocol, None},
        "console": {ConsoleProtocol, None},
    }

    boot: Sequence[str] = attr.ib(
        factory=list, validator=attr.validators.deep_iterable(_text, attr.validators.instance_of(list))
    )
    boot_seconds: float = attr.ib(default=120.0, validator=attr.validators.gt(0.0))
    username: str = attr.ib(default="root", validator=_text)
    password: str = attr.ib(default="", validator=_text)
    login_seconds: float = attr.ib(default=60.0, validator=attr.validators.gt(0.0))
    login_prompt: str = attr.ib(default=Prompts.login, validator=_text)
    password_prompt: str = attr.ib(default=Prompts.password, validator=_text)
    refused: str = attr.ib(default=Prompts.refused, validator=_text)
    shell_prompt: str = attr.ib(default=Prompts.shell, validator=_text)
    address_command: str = attr.ib(default="", validator=_text)
    address_pattern: str = attr.ib(default=r"inet (?:addr:)?(\d+\.\d+\.\d+\.\d+)", validator=_text)
    address_seconds: float = attr.ib(default=30.0, validator=attr.validators.gt(0.0))
    host_key_command: str = attr.ib(default=HOST_KEY_COMMAND, validator=_text)
    ssh_seconds: float = attr.ib(default=60.0, validator=attr.validators.gt(0.0))
    power_seconds: float = attr.ib(default=120.0, validator=attr.validators.gt(0.0))
    power_cycles: int = attr.ib(default=2, validator=attr.validators.ge(0))

    status: BoardStatus = attr.ib(default=BoardStatus.unknown, init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.recoveries: list[str] = []
        """Why the power was cycled, each time."""
        self._listening: BoardConsole | None = None
        self._in_use = False

    @unrepeatable
    @stepped(["status"])
    def transition(self, status: str | BoardStatus) -> None:
        """Go to ``status``; raises StrategyError from the cause, and again at every call until ``force``."""
        wanted = _status(status)
        if wanted.value < self.status.value or wanted is BoardStatus.off:
            self._off()
        if wanted.value > self.status.value:
            self._up(wanted)

    @stepped(["status"])
    def force(self, status: str | BoardStatus) -> None:
        """Take the board for being in ``status``, after making it so when that is ``off``; forgets earlier errors."""
        wanted = _status(status)
        if wanted is BoardStatus.off:
            self._off()
        self.status = wanted
        self.broken = None

    def _up(self, wanted: BoardStatus) -> None:
        """Climb to a state, with a power cycle between attempts. Raises BenchError."""
        for left in range(self.power_cycles, -1, -1):
            try:
                self._climb(wanted)
            except PermanentHostError:
                raise
            except BenchError as error:
                if not left or self.power is None:
                    raise
                self._recover(error)
            else:
                return

    def _climb(self, wanted: BoardStatus) -> None:
        steps = {
            BoardStatus.booting: self._boot,
            BoardStatus.shell: self._login,
            BoardStatus.ready: self._connect,
        }
        for status, step in steps.items():
            if self.status.value < status.value <= wanted.value:
                step()
                self.status = status

    def _recover(self, error: BenchError) -> None:
        """Go down to off because of ``error``, and leave a record of it."""
        reason = error.message.splitlines()[0]
        self.recoveries.append(reason)
        events.session.emit(events.Action(what="power cycle", bench=self.target.name, detail=reason))
        self.host.say(f"power cycle {len(self.recoveries)}, because: {error}")
        self._off()

    def _boot(self) -> None:
        """Switch on and watch the console."""
        with self._translated("the power switch"):
            # The console of an emulator exists only while that has power.
            emulated = self.power is not None and self.console is self.power
            if not emulated:
                self._listen()
            self._power_on()
            if emulated:
                self._listen()
        # A board that was on already has booted before the console was opened.
        if self._listening and self.power is not None:
            remedy = "check the console's cable and speed, and boot and boot_seconds of the strategy in the target file"
            self._listening.expect_all(self.boot, self.boot_seconds, "the boot message", remedy)

    def _power_on(self) -> None:
        if self.power is None:
            return
        self.target.activate(self.power)
        if self.status is BoardStatus.off:
            self._switch("on")
        else:
            # In any state, a boot from cold begins with a board that has no power.
            self._switch("cycle")

    def _switch(self, how: str) -> None:
        what = f"{self.target.name}: the power switch ({how}, {type(self.power).__name__})"
        bounded(getattr(self.power, how), self.power_seconds, what)

    def _listen(self) -> None:
        if self.console is not None:
            self._open_console()
            self._listening = BoardConsole(self.console, self.target.name, self.host.journal)

    def _open_console(self) -> None:
        """Open the console for this run alone: two readers of one port would get a part each of what the board says."""
        port = getattr(self.console, "port", None)
        if isinstance(port, SerialPort):
            self.console.serial.exclusive = True
        try:
            self.target.activate(self.console)
        except serial.SerialException as error:
            self._in_use = getattr(error.__cause__, "errno", None) == errno.EWOULDBLOCK
            if not self._in_use:
                number = getattr(error.__cause__, "errno", None)
                raise BenchError(
                    f"{self.target.name}: the serial port {_where(port)} of its console cannot be opened:"
                    f" {os.strerror(number) if number else error}",
                    remedy="correct the port in the target file, plug the adapter in, or join its group (dialout)",
                ) from error
            raise PermanentHostError(
                f"{self.target.name}: the serial port {_where(port)} of its console is in use by another run",
                remedy="wait for that run or end it; the board's power was not touched",
            ) from error
        self._in_use = False

    def _login(self) -> None:
        """Log in on the console, and learn there what the network needs."""
        if self._listening is None:
            return
        prompts = Prompts(self.login_prompt, self.password_prompt, self.refused, self.shell_prompt)
        shell = BoardShell(self._listening, self.username, self.password, prompts)
        shell.login(self.login_seconds)
        if self.address_command:
            address = find_address(
                self._listening, shell, self.address_command, self.address_pattern, self.address_seconds
            )
            self.host.set_address(address)
        if self.host.host_key == "console":
            keys = shell.run(self.host_key_command, _KEYS_SECONDS)
            shown = [line for line in keys.splitlines() if line.strip()]
            if not shown:
                raise BenchError(
                    f"{self.target.name}: {self.host_key_command!r} shows no key on its console",
                    remedy="name a command that shows the public keys of the host's SSH server as 'host_key_command'",
                )
            self.host.set_shown_keys(shown)

    def _connect(self) -> None:
        """Connect over SSH and make the host ready."""
        self.target.activate(self.host)
        poll = select.poll()
        self.host.set_ways(self._ways())
        try:
            self.host.connect(self.ssh_seconds, lambda: poll.poll(_BETWEEN_MILLISECONDS) and None)
        except SshUnreachableError as error:
            if self._listening is None:
                raise
            lines = self._listening.last_lines()
            raise SshUnreachableError(
                f"{error.message}; last lines of its console:\n{lines}", remedy=error.remedy
            ) from error
        self.host.start()

    def _ways(self) -> list[str]:
        """The console and the power switch, by the names of labgrid's classes."""
        ways = []
        if self.console is not None:
            port = getattr(self.console, "port", None)
            where = f"{type(port).__name__} {_where(port)}" if port is not None else type(self.console).__name__
            ways.append(f"console {where}")
        if self.power is not None:
            ways.append(f"power {type(self.power).__name__}")
        return ways

    def _off(self) -> None:
        """Leave the host as it was found, then switch it off, in any state."""
        if self.host.state is BindingState.active:
            self.host.stop()
        listening, self._listening = self._listening, None
        try:
            if listening:
                listening.close()
        finally:
            with self._translated("the power switch"):
                self._cut_power()
            self.host.close_journal()
            self.status = BoardStatus.off

    def _cut_power(self) -> None:
        """Switch the power off and close the console, also that of a board whose power cannot be cut."""
        try:
            if self.power is not None and not self._in_use:
                self.target.activate(self.power)
                self._switch("off")
        finally:
            if self.console is not None and self.console is not self.power:
                self.target.deactivate(self.console)

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        """Turn errors of labgrid's drivers into bench errors, with the messages of the tools that they call."""
        try:
            yield
        except (ExecutionError, OSError, serial.SerialException) as error:
            raise BenchError(f"{self.target.name}: {what}: {error}") from error
        except subprocess.CalledProcessError as error:
            said = (error.output or b"").decode("utf-8", "replace").strip()
            raise BenchError(f"{self.target.name}: {what}: {error} {said}".rstrip()) from error


def _where(port: Any) -> str:
    host = getattr(port, "host", None)
    return f"{host}:{port.port} ({port.protocol})" if host else str(port.port)


def _status(status: Any) -> BoardStatus:
    try:
        wanted = status if isinstance(status, BoardStatus) else BoardStatus[status]
    except KeyError:
        raise StrategyError(f"a board has no state {status!r}") from None
    if wanted is BoardStatus.unknown:
        raise StrategyError("a board cannot be brought into the state 'unknown'")
    return wanted
