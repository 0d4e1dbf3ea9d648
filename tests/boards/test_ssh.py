# SPDX-License-Identifier: Apache-2.0
"""SSH connections end in a result or in one precise error, and leave nothing running on the other side."""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.errors import BenchError
from harness.host.hostkeys import HostKeys
from harness.host.ssh import (
    SshAddress,
    SshConnection,
    SshLogin,
    SshLostError,
    SshRefusedError,
    SshUnreachableError,
    wait_for_ssh,
)
from harness.loopback.command import command_board
from harness.loopback.resource import LoopbackBoard
from tests import programs
from tests.boards.half_server import half_a_server
from tests.boards.lab import Lab, stopped, within
from tests.boards.proxy import Proxy

LONG = str(10**7 + os.getpid())
"""Seconds, by which a command is known among all that run on this machine."""

Connect = Callable[..., SshConnection]


@pytest.fixture
def up(lab: Lab) -> Lab:
    """A board whose SSH server answers."""
    command_board(lab.folder, "on")
    connection = _connection(lab.board, HostKeys("unchecked"))
    wait_for_ssh(connection, programs.PATIENCE, lambda: None)
    connection.close()
    return lab


def _connection(
    board: LoopbackBoard, keys: HostKeys, login: SshLogin | None = None, port: int | None = None
) -> SshConnection:
    login = login or SshLogin(board.folder / "etc/client_key", agent=False)
    return SshConnection("board", SshAddress("127.0.0.1", port or board.port, "board"), login, keys)


@pytest.fixture
def connection(up: Lab) -> Iterator[SshConnection]:
    """A connection that is there."""
    key = (up.folder / "etc/ssh_host_ed25519_key.pub").read_text()
    connection = _connection(up.board, HostKeys("console", shown=[key]))
    connection.connect(programs.PATIENCE)
    yield connection
    connection.close()


def _processes(connection: SshConnection, word: str) -> int:
    return connection.run(["ps", "-eo", "args"], programs.PATIENCE).output.count(word)


def test_a_command_gives_its_status_and_its_words(connection: SshConnection) -> None:
    done = connection.run(["sh", "-c", "echo out; echo err >&2; exit 7"], programs.PATIENCE)
    assert (done.status, sorted(done.output.split())) == (7, ["err", "out"])


def test_arguments_arrive_as_they_are(connection: SshConnection) -> None:
    words = ["two words", "quo'te", 'dou"ble', "$HOME", "`id`", "back\\slash", ""]
    assert connection.run(["printf", "%s|", *words], programs.PATIENCE).output == "|".join(words) + "|"


def test_a_large_output_arrives_whole(connection: SshConnection) -> None:
    assert len(connection.run(["head", "-c", "3000000", "/dev/zero"], programs.PATIENCE).output) == 3_000_000


def test_a_command_that_takes_too_long_is_ended_on_the_other_side(connection: SshConnection) -> None:
    with (
        within(5, "command without an end: error"),
        pytest.raises(BenchError, match=rf"'sleep {LONG}' did not end within"),
    ):
        connection.run(["sleep", LONG], 0.5)
    assert _processes(connection, f"sleep {LONG}") == 0


def test_a_connection_that_breaks_during_a_command_is_said_at_once(up: Lab) -> None:
    proxy = Proxy(up.board.port)
    connection = _connection(up.board, HostKeys("unchecked"), port=proxy.port)
    connection.connect(programs.PATIENCE)
    threading.Timer(0.3, proxy.close).start()
    with (
        within(5, "connection dropped in the middle of a command: error"),
        pytest.raises(SshLostError, match=f"sleep {LONG}"),
    ):
        connection.run(["sleep", LONG], 60)
    other = _connection(up.board, HostKeys("unchecked"))
    other.connect(programs.PATIENCE)
    assert _processes(other, f"sleep {LONG}") == 0
    other.close()
    connection.close()


def test_a_host_that_nobody_knows_is_refused(up: Lab) -> None:
    known = up.place / "known_hosts"
    known.touch()
    with within(5, "unknown host key: error"), pytest.raises(SshRefusedError, match="not known: ssh-ed25519 SHA256:"):
        _connection(up.board, HostKeys("known_hosts", known)).connect(programs.PATIENCE)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_another_host_key_than_the_known_one_is_refused_with_both_fingerprints(up: Lab, kind: str) -> None:
    programs.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", up.place / "other"], check=True)
    known = up.place / "known_hosts"
    known.write_text(f"[127.0.0.1]:{up.board.port} {(up.place / 'other.pub').read_text()}")
    with within(5, "wrong host key: error"), pytest.raises(SshRefusedError, match="another host key") as error:
        _connection(up.board, HostKeys("known_hosts", known)).connect(programs.PATIENCE)
    assert len(set(re.findall(r"SHA256:\S+", error.value.message))) == 2
    assert "compare it" in error.value.remedy


def test_a_missing_file_of_known_hosts_is_named(up: Lab, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"no file of known hosts .*/nowhere"):
        _connection(up.board, HostKeys("known_hosts", tmp_path / "nowhere")).connect(programs.PATIENCE)


@pytest.mark.parametrize(
    ("login", "said"),
    [
        (SshLogin(agent=False, password="wrong"), "refuses the login"),
        (SshLogin(agent=False), "no way to log in"),
        (SshLogin(Path("/nowhere/key"), agent=False), "no key file /nowhere/key"),
    ],
    ids=["wrong password", "nothing to try", "missing key file"],
)
def test_a_refused_login_is_said_with_what_was_tried(up: Lab, login: SshLogin, said: str) -> None:
    with within(10, f"SSH login refused ({said}): error"), pytest.raises(SshRefusedError, match=said):
        _connection(up.board, HostKeys("unchecked"), login).connect(programs.PATIENCE)


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_a_key_that_the_server_does_not_take_is_refused_and_named(up: Lab, kind: str) -> None:
    key = _key(up.place, kind)
    with within(10, f"strange {kind} key: error"), pytest.raises(SshRefusedError, match="refuses the login") as error:
        _connection(up.board, HostKeys("unchecked"), SshLogin(key, agent=False)).connect(programs.PATIENCE)
    assert str(key) in error.value.remedy


@pytest.mark.parametrize(
    ("content", "said"),
    [("rubbish", "cannot be used"), ("ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB\n", "cannot be used")],
    ids=["rubbish", "public key"],
)
def test_a_file_that_is_no_private_key_is_named(up: Lab, content: str, said: str) -> None:
    key = up.place / "key"
    key.write_text(content)
    with within(5, "key file without a key: error"), pytest.raises(SshRefusedError, match=f"{key} .*{said}"):
        _connection(up.board, HostKeys("unchecked"), SshLogin(key, agent=False)).connect(programs.PATIENCE)


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_a_key_of_any_kind_opens_with_the_passphrase_of_the_target_file(up: Lab, kind: str) -> None:
    key = _key(up.place, kind, passphrase="of the key")
    accepted = up.folder / "etc/authorized_keys"
    before = accepted.read_text()
    accepted.write_text(before + key.with_suffix(".pub").read_text())
    try:
        with pytest.raises(SshRefusedError, match=f"{key} .*password"):
            _connection(up.board, HostKeys("unchecked"), SshLogin(key, agent=False)).connect(programs.PATIENCE)
        connection = _connection(up.board, HostKeys("unchecked"), SshLogin(key, agent=False, password="of the key"))
        connection.connect(programs.PATIENCE)
        connection.close()
    finally:
        accepted.write_text(before)


def _key(folder: Path, kind: str, passphrase: str = "") -> Path:
    key = folder / f"{kind}_key"
    programs.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", key], check=True)
    return key


def test_the_password_of_the_account_is_enough(up: Lab) -> None:
    connection = _connection(up.board, HostKeys("unchecked"), SshLogin(agent=False, password=up.board.password))
    connection.connect(programs.PATIENCE)
    assert connection.run(["id", "-u"], programs.PATIENCE).status == 0
    assert "NOT CHECKED" in connection.host_key()
    connection.close()


def test_nobody_there_is_said_with_the_reason(up: Lab) -> None:
    with within(5, "SSH port closed: error"), pytest.raises(SshUnreachableError, match="Connection refused"):
        _connection(up.board, HostKeys("unchecked"), port=1).connect(programs.PATIENCE)


def test_somebody_who_says_nothing_is_not_waited_for_without_end(up: Lab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with within(5, "SSH server that says nothing: error"), pytest.raises(SshUnreachableError, match="banner"):
            _connection(up.board, HostKeys("unchecked"), port=port).connect(1)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Shortens the waits that are long, because hosts are slow. What a test does before it calls this has its time."""

    def shorten() -> None:
        monkeypatch.setattr("harness.host.ssh._STEP_SECONDS", 1.0)
        monkeypatch.setattr("harness.host.ssh.SILENCE_MILLISECONDS", 1000)

    return shorten


@pytest.mark.parametrize("begun", [True, False], ids=["old transfer", "new transfer"])
def test_file_transfer_with_a_server_that_stopped_has_an_end(
    connection: SshConnection, up: Lab, impatient: Callable[[], None], begun: bool
) -> None:
    connection.run(["true"], programs.PATIENCE)  # the process that serves the session is there
    if begun:
        # A transfer keeps the wait that it began with.
        transfer = connection.sftp().get_channel()
        assert transfer
        transfer.settimeout(1.0)
    impatient()
    with (
        stopped(up.board, "sshd-session"),
        within(5, "SSH server stopped, file transfer: error"),
        pytest.raises(SshLostError, match=r"board: the connection was lost during .*: (no answer|Timeout opening)"),
        connection.translated("the inspection of its files"),
    ):
        connection.sftp().listdir(".")


def test_a_command_on_a_server_that_stopped_has_an_end(
    connection: SshConnection, up: Lab, impatient: Callable[[], None]
) -> None:
    connection.run(["true"], programs.PATIENCE)
    impatient()
    with (
        stopped(up.board, "sshd-session"),
        within(5, "SSH server stopped, command: error"),
        pytest.raises(SshLostError, match="board: the connection was lost during a new channel: Timeout"),
    ):
        connection.run(["true"], 60)


@pytest.mark.parametrize("what", ["command", "transfer"])
def test_a_server_that_opens_a_channel_and_stops_has_an_end(
    what: str, tmp_path: Path, impatient: Callable[[], None]
) -> None:
    """A server of ours, because a real one cannot be stopped so exactly."""
    with half_a_server(tmp_path, impatient) as (port, login):
        connection = SshConnection("half", SshAddress("127.0.0.1", port, "board"), login, HostKeys("unchecked"))
        connection.connect(programs.PATIENCE)
        with within(5, f"SSH server stops before a {what}: error"), pytest.raises(SshLostError, match="within 1 s"):
            connection.run(["true"], 60) if what == "command" else connection.sftp()
        connection.close()


def test_a_connection_that_the_machine_closes_is_noticed(up: Lab, connection: SshConnection) -> None:
    command_board(up.folder, "off")
    with within(5, "host switched off during a session: error"), pytest.raises(SshLostError):
        connection.run(["true"], 60)
    assert not connection.connected
