# SPDX-License-Identifier: Apache-2.0
"""What a session has started ends with it: each guard, with shells of each family, under two SSH servers."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import paramiko
import pytest

from harness.host.qnx.console import ConsoleBridge
from harness.host.qnx.guest import Launch
from harness.host.ssh import SshConnection, guarded
from tests import programs
from tests.bench.processes import VARIABLE, marked, new_mark
from tests.boards.servers import Kind, Servers

_ENDLESS: Final = "sleep 1000000"
_STEP_SECONDS: Final = 0.01
_SHELLS: Final = ("dash", "mksh", *(pytest.param(shell, marks=pytest.mark.long) for shell in ("bash", "busybox")))


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Servers:
    """Both servers, installed."""
    return Servers(tmp_path_factory.mktemp("servers"))


@pytest.fixture(scope="module", params=["OpenSSH", "dropbear"])
def port(servers: Servers, request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a server that runs."""
    kind: Kind = request.param
    with servers.serving(kind) as port:
        yield port


@pytest.fixture(scope="module", params=_SHELLS)
def tools(servers: Servers, request: pytest.FixtureRequest) -> Path:
    """A folder in which ``sh`` is a shell of this kind, and ``qvm`` runs without end."""
    shell: str = request.param
    own = {"mksh": servers.mksh, "busybox": servers.busybox}.get(shell) or shutil.which(shell)
    if own is None:
        pytest.skip(f"this machine has no {shell}")
    folder = servers.folder / shell
    folder.mkdir(exist_ok=True)
    _script(folder / "sh", f'exec {own} {"sh " if shell == "busybox" else ""}"$@"')
    _script(folder / "qvm", f"exec {_ENDLESS}")
    return folder


def _script(file: Path, text: str) -> None:
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


class _Session:
    """A connection whose commands are known among all processes of the machine."""

    def __init__(self, servers: Servers, port: int, tools: Path) -> None:
        self._mark = new_mark()
        variables = {"PATH": f"{tools}:/usr/bin:/bin", VARIABLE: self._mark}
        self.connection: SshConnection = servers.connection(port, variables)

    def processes(self) -> list[str]:
        """The command lines of what this session has started, and what still runs."""
        return [command for line in marked(self._mark).values() if (command := line.strip())]

    def await_process(self, command: str) -> None:
        programs.until(lambda: command in self.processes(), lambda: f"{command} is not among {self.processes()}")

    def await_end(self) -> None:
        programs.until(lambda: not self.processes(), lambda: f"left: {self.processes()}")


@pytest.fixture
def session(servers: Servers, port: int, tools: Path) -> Iterator[_Session]:
    """A session of its own, closed at the end."""
    session = _Session(servers, port, tools)
    yield session
    session.connection.close()


_ENDS: Final[dict[str, Callable[[_Session, paramiko.Channel], object]]] = {
    "the channel is closed": lambda _, channel: channel.close(),
    "the connection breaks": lambda session, _: _socket(session).close(),
}


def _socket(session: _Session) -> paramiko.Channel:
    client = session.connection._client
    assert client is not None
    transport = client.get_transport()
    assert transport is not None
    return transport.sock  # type: ignore[return-value]


def _launch(tools: Path) -> Launch:
    return Launch("g", "qvm", "conf", "", str(tools), str(tools / "note"), "", "", "")


@pytest.mark.parametrize("end", _ENDS.values(), ids=_ENDS)
def test_a_command_ends_with_its_session(
    session: _Session, end: Callable[[_Session, paramiko.Channel], object]
) -> None:
    channel = session.connection.open(guarded(f"exec {_ENDLESS}", "KILL"))
    session.await_process(_ENDLESS)
    end(session, channel)
    session.await_end()


@pytest.mark.parametrize("end", _ENDS.values(), ids=_ENDS)
def test_a_guest_ends_with_its_session(
    session: _Session, tools: Path, end: Callable[[_Session, paramiko.Channel], object]
) -> None:
    channel = session.connection.open(_launch(tools).command())
    session.await_process(_ENDLESS)
    end(session, channel)
    session.await_end()


def test_a_guest_whose_session_ends_before_it_has_begun_does_not_stay(session: _Session, tools: Path) -> None:
    """The end of the input comes first; what the guest says is taken all the same."""
    before, gate = (tools / "sh").read_text(), tools / "gate"
    gate.unlink(missing_ok=True)
    wait = f'case "$*" in *@qvm*kill*) ;; *@qvm*) until [ -e {gate} ]; do sleep 0.01; done ;; esac'
    _script(tools / "sh", f"{wait}\n{before.splitlines()[-1]}")
    try:
        channel = session.connection.open(_launch(tools).command())
        programs.until(lambda: any(word.startswith("cat") for word in session.processes()), "no guard began")
        channel.shutdown_write()
        programs.until(lambda: not any(word.startswith("cat") for word in session.processes()), "the input goes on")
        gate.touch()
        session.await_end()
    finally:
        _script(tools / "sh", before.splitlines()[-1])


@dataclass(frozen=True)
class _Loss:
    """A program that catches its first signal and forgets it, as a shell does that is about to become the program."""

    began: Path
    caught: Path

    @classmethod
    def of(cls, tools: Path) -> _Loss:
        """The tools are those of both servers, so what an earlier program has left is removed."""
        loss = cls(tools / "began", tools / "caught")
        for left in (loss.began, loss.caught):
            left.unlink(missing_ok=True)
        return loss

    def script(self, signal: str) -> str:
        """Shell text that waits for the signal, as long as a test has patience."""
        waits = round(programs.PATIENCE / _STEP_SECONDS)
        turn = f"[ -e {self.caught} ] || [ $turn -ge {waits} ]"
        wait = f"turn=0; until {turn}; do sleep {_STEP_SECONDS}; turn=$((turn + 1)); done"
        return f"trap ': > {self.caught}' {signal}; : > {self.began}; {wait}; trap - {signal}"

    def happens(self, end: Callable[[], object]) -> None:
        """Wait until the program has begun; ``end`` is what has the signal sent."""
        programs.until(self.began.exists, "the program did not begin")
        end()
        programs.until(self.caught.exists, "no signal came")


def test_a_guest_whose_first_signal_is_lost_ends_all_the_same(session: _Session, tools: Path) -> None:
    qvm, loss = tools / "qvm", _Loss.of(tools)
    before = qvm.read_text()
    _script(qvm, f"{loss.script('QUIT')}; exec {_ENDLESS}")
    try:
        channel = session.connection.open(_launch(tools).command())
        loss.happens(channel.shutdown_write)
        session.await_end()
    finally:
        _script(qvm, before.splitlines()[-1])


@contextlib.contextmanager
def _console(session: _Session) -> Iterator[None]:
    """A console of the session, which has ended by the end of the context."""
    controller, user = os.openpty()
    try:
        bridge = ConsoleBridge(session.connection, os.ttyname(user), "stty raw -echo")
        yield
        session.await_end()
        bridge.close()
    finally:
        os.close(controller)
        os.close(user)


def test_a_console_whose_reader_loses_the_first_signal_ends_all_the_same(session: _Session, tools: Path) -> None:
    """The reader is the one that has the terminal for its input."""
    if tools.name == "busybox":
        pytest.skip("its shell has a cat of its own")
    cat, loss = tools / "cat", _Loss.of(tools)
    _script(cat, f"if [ -t 0 ]; then {loss.script('TERM')}; fi; exec {shutil.which('cat')}")
    try:
        with _console(session):
            loss.happens(_socket(session).close)
    finally:
        cat.unlink()


def test_a_console_ends_with_its_session(session: _Session, tools: Path) -> None:
    """Not with the ``cat`` of busybox: it waits for the terminal with the pipe to the server locked (sendfile)."""
    if tools.name == "busybox":
        pytest.skip("no QNX host has it")
    with _console(session):
        assert session.processes()
        _socket(session).close()
