# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from labgrid.driver.exception import ExecutionError

from harness.console.buffer import ConsoleEndedError
from harness.errors import BenchError
from harness.guest.linux_keys import BenchKeys
from harness.guest.ssh.driver import CommandTimeoutError, DamagedFileError, ShmemSSHDriver
from harness.host.ssh import SshLostError, SshRefusedError, SshUnreachableError
from tests import programs
from tests.linux.sshd import Forwarder, Server, driver


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("sshd"))
    yield started
    started.close()


@pytest.fixture
def between(server: Server) -> Iterator[Forwarder]:
    with contextlib.closing(Forwarder(server.port)) as forwarder:
        yield forwarder


@pytest.fixture
def ssh(server: Server, between: Forwarder, tmp_path: Path) -> Iterator[ShmemSSHDriver]:
    known_hosts = server.known_hosts(tmp_path, between.port)
    with driver(between.port, keyfile=str(server.keyfile), known_hosts=str(known_hosts)) as made:
        made.target.activate(made)
        yield made


def _gone(pid: int, seconds: float = 10.0) -> bool:
    """Whether a process ends; one that nobody has buried yet has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state in "ZX":
            return True
        os.sched_yield()
    return False


def test_a_command_leaves_output_errors_and_status(ssh: ShmemSSHDriver) -> None:
    assert ssh.run("echo one; echo two >&2; echo 'three four'; exit 7") == (["one", "three four"], ["two"], 7)
    assert ssh.run_check("printf 'a\\nb'") == ["a", "b"]
    with pytest.raises(ExecutionError):
        ssh.run_check("false")


def test_much_output_on_both_streams_is_complete(ssh: ShmemSSHDriver) -> None:
    output, errors, status = ssh.run("seq 60000; seq 60000 >&2")
    assert (len(output), len(errors), status) == (60000, 60000, 0)
    assert output[-1] == errors[-1] == "60000"


def test_a_command_that_takes_too_long_is_ended_with_all_it_started(ssh: ShmemSSHDriver, server: Server) -> None:
    began = time.monotonic()
    with pytest.raises(CommandTimeoutError, match=r"did not end within 1 s and was ended; it said:\n  \| begun"):
        ssh.run("echo begun; echo $$ >pids; sleep 300 & echo $! >>pids; sleep 300 | cat", timeout=1.0)
    assert time.monotonic() - began < 60
    assert all(_gone(int(pid)) for pid in (server.home / "pids").read_text().split())
    assert ssh.run_check("echo still here") == ["still here"]


def test_files_go_there_and_back(ssh: ShmemSSHDriver, server: Server, tmp_path: Path) -> None:
    source = tmp_path / "program"
    source.write_bytes(os.urandom(300_000))
    source.chmod(0o750)
    (server.home / "name with space").write_text("older, to be replaced")
    ssh.put(str(source), "name with space")
    assert (server.home / "name with space").read_bytes() == source.read_bytes()
    assert (server.home / "name with space").stat().st_mode & 0o777 == 0o750
    ssh.get("name with space", str(tmp_path))
    assert (tmp_path / "name with space").read_bytes() == source.read_bytes()
    (server.home / "folder").mkdir()
    ssh.put(str(source), "folder/")
    assert sorted(path.name for path in (server.home / "folder").iterdir()) == ["program"]


def test_a_transfer_that_fails_leaves_nothing(ssh: ShmemSSHDriver, server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    before = sorted(server.home.iterdir())
    with pytest.raises(BenchError, match="could not be uploaded to /proc/file"):
        ssh.put(str(tmp_path / "file"), "/proc/file")
    with pytest.raises(BenchError, match="has no file gone"):
        ssh.get("gone", str(tmp_path / "got"))
    assert sorted(server.home.iterdir()) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "known_hosts"]


def test_what_cannot_be_got_is_said_with_its_reason(ssh: ShmemSSHDriver, server: Server, tmp_path: Path) -> None:
    (server.home / "there").write_text("content")
    with pytest.raises(BenchError, match=f"the folder {tmp_path}/gone for the download of there does not exist"):
        ssh.get("there", str(tmp_path / "gone/there"))
    with pytest.raises(BenchError, match="machine: /proc/self/mem could not be downloaded to"):
        ssh.get("/proc/self/mem", str(tmp_path))


def test_a_server_without_atomic_rename_is_served_in_two_steps(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    with contextlib.closing(Server(tmp_path / "server", "-P posix-rename")) as server:
        known_hosts = str(server.known_hosts(tmp_path, server.port))
        with driver(server.port, keyfile=str(server.keyfile), known_hosts=known_hosts) as made:
            made.target.activate(made)
            for text in ("old", "new"):
                (tmp_path / "file").write_text(text)
                made.put(str(tmp_path / "file"), "file")
        assert (server.home / "file").read_text() == "new"
        assert [path.name for path in server.home.iterdir()] == ["file"]


def test_a_file_that_was_damaged_on_its_way_is_noticed(ssh: ShmemSSHDriver, server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    liar = server.tools / "sha256sum"
    liar.write_text("#!/bin/sh\nprintf x >>$1; exec /usr/bin/sha256sum $1\n")
    liar.chmod(0o755)
    try:
        with pytest.raises(DamagedFileError, match="differs from"):
            ssh.put(str(tmp_path / "file"), "damaged")
    finally:
        liar.unlink()
    assert not [path for path in server.home.iterdir() if "damaged" in path.name]


def test_a_program_is_talked_with(ssh: ShmemSSHDriver, tmp_path: Path) -> None:
    channel = ssh.transport("cat", tmp_path / "cat.log", name="cat")
    channel.write(b"hello\n")
    assert channel.read(time.monotonic() + programs.PATIENCE) == b"hello\n"
    with pytest.raises(TimeoutError, match=r"nothing came from the console of cat\n(.|\n)*\| hello"):
        channel.read(time.monotonic() + 0.1)
    channel.close()
    lines = [line.split(maxsplit=1)[1] for line in (tmp_path / "cat.log").read_text().splitlines()]
    assert lines[1:3] == ["> hello", "< hello"]


def test_a_program_that_ends_is_distinguished_from_a_lost_connection(
    ssh: ShmemSSHDriver, between: Forwarder, tmp_path: Path
) -> None:
    ends = ssh.transport("true", tmp_path / "true.log", name="true")
    with pytest.raises(ConsoleEndedError, match="the program ended"):
        ends.read(time.monotonic() + programs.PATIENCE)
    lost = ssh.transport("cat", tmp_path / "cat.log", name="cat")
    between.cut()
    with pytest.raises(ConsoleEndedError, match="the SSH connection was lost"):
        lost.read(time.monotonic() + programs.PATIENCE)


def test_the_connection_is_lost_during_a_command(ssh: ShmemSSHDriver, between: Forwarder, server: Server) -> None:
    cutter = threading.Thread(target=_cut_after, args=(server.home / "running", between))
    cutter.start()
    with pytest.raises(SshLostError, match=r"machine: the connection was lost during 'echo"):
        ssh.run("echo $$ >running; sleep 300")
    cutter.join(programs.PATIENCE)
    assert _gone(int((server.home / "running").read_text())), "the command went on alone"
    assert ssh.get_status() == 0
    with pytest.raises(SshLostError, match="there is no SSH connection"):
        ssh.run("true")


def _cut_after(sign: Path, between: Forwarder) -> None:
    deadline = time.monotonic() + programs.PATIENCE
    while not (sign.exists() and sign.read_text()) and time.monotonic() < deadline:
        os.sched_yield()
    between.cut()


def test_a_port_is_reached_through_the_connection(ssh: ShmemSSHDriver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as far, ssh.forward(far.getsockname()[1]) as port:
        with socket.create_connection(("127.0.0.1", port), 10) as near:
            there, _ = far.accept()
            with there:
                near.sendall(b"question")
                near.shutdown(socket.SHUT_WR)
                assert there.recv(100) == b"question"
                assert there.recv(100) == b""
                there.sendall(b"answer")
            assert near.recv(100) == b"answer"
        far.close()
        with socket.create_connection(("127.0.0.1", port), 10) as refused:
            assert refused.recv(100) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 10)


def test_a_server_that_comes_late_is_not_kept_waiting(server: Server, between: Forwarder, tmp_path: Path) -> None:
    """What was connected before the server was there stays deaf, as behind a forwarding machine."""
    between.silent.set()
    threading.Timer(1.2, between.silent.clear).start()
    known_hosts = str(server.known_hosts(tmp_path, between.port))
    began = time.monotonic()
    with driver(between.port, keyfile=str(server.keyfile), known_hosts=known_hosts) as made:
        made.target.activate(made)
        assert made.run_check("echo up") == ["up"]
    assert 1.2 < time.monotonic() - began < 60


class TestRefusals:
    """Each names the machine and what to do, and none takes longer than it was given."""

    @staticmethod
    def refusal(port: int, kind: type[BenchError], **arguments: str) -> str:
        began = time.monotonic()
        with driver(port, connect_seconds=2.0, **arguments) as made, pytest.raises(kind) as error:
            made.target.activate(made)
        assert time.monotonic() - began < 60
        assert "machine (board@127.0.0.1:" in str(error.value)
        return str(error.value)

    def test_nobody_listens(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        assert "Connection refused; tried for 2 s" in self.refusal(port, SshUnreachableError)

    def test_somebody_listens_and_says_nothing(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            assert "no SSH banner was received" in self.refusal(silent.getsockname()[1], SshUnreachableError)

    def test_something_else_answers(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            threading.Thread(target=_answer, args=(other, b"220 mail\r\n"), daemon=True).start()
            assert "220 mail" in self.refusal(other.getsockname()[1], SshUnreachableError)

    def test_another_host_key_than_the_known_one(self, server: Server, tmp_path: Path) -> None:
        stranger = BenchKeys.create(tmp_path / "stranger")
        known_hosts = server.known_hosts(tmp_path, server.port, stranger.host_key)
        said = self.refusal(server.port, SshRefusedError, known_hosts=str(known_hosts), keyfile=str(server.keyfile))
        assert "shows another host key" in said
        assert "remedy:" in said

    def test_a_host_key_that_nobody_knows(self, server: Server, tmp_path: Path) -> None:
        known_hosts = server.known_hosts(tmp_path, server.port + 1)
        said = self.refusal(server.port, SshRefusedError, known_hosts=str(known_hosts), keyfile=str(server.keyfile))
        assert "shows a host key that is not known" in said

    def test_a_key_that_the_server_does_not_take(self, server: Server, tmp_path: Path) -> None:
        stranger = BenchKeys.create(tmp_path / "stranger")
        known_hosts = server.known_hosts(tmp_path, server.port)
        said = self.refusal(server.port, SshRefusedError, known_hosts=str(known_hosts), keyfile=str(stranger.keyfile))
        assert "refuses the login" in said
        assert str(stranger.keyfile) in said

    def test_a_key_file_that_does_not_exist(self, server: Server, tmp_path: Path) -> None:
        known_hosts = server.known_hosts(tmp_path, server.port)
        with driver(server.port, known_hosts=str(known_hosts), keyfile=str(tmp_path / "gone")) as made:
            with pytest.raises(BenchError) as error:
                made.target.activate(made)
            assert str(tmp_path / "gone") in str(error.value)


def _answer(server: socket.socket, greeting: bytes) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = server.accept()
            with connection:
                connection.sendall(greeting)


def test_secret_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    keys = BenchKeys.create(tmp_path / "keys")
    assert keys.folder.stat().st_mode & 0o777 == 0o700
    assert keys.keyfile.stat().st_mode & 0o777 == 0o600
    (tmp_path / "image").write_bytes(b"image")
    initrd = keys.initrd(tmp_path / "image", tmp_path / "initrd")
    assert initrd.read_bytes().startswith(b"image070701")
    assert initrd.stat().st_mode & 0o777 == 0o600
    assert BenchKeys.create(tmp_path / "others").host_key != keys.host_key
