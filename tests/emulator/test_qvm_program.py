# SPDX-License-Identifier: Apache-2.0
"""The program ``qvm`` alone, with a host that is made up: what it asks for, what it says, how it ends."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import select
import signal
import socket
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.emulator import qvm
from harness.emulator.service.protocol import MAX_LINE
from tests import programs
from tests.emulator.conftest import Bench


@dataclass
class _Meeting:
    """A qvm, and the host's end of its connection."""

    qvm: programs.Program[bytes]
    host: socket.socket
    start: dict[str, Any]
    streams: list[int]

    def says(self, *pieces: bytes) -> None:
        """The host says this and closes."""
        for piece in pieces:
            self.host.sendall(piece)
        self.host.close()

    def ends(self) -> tuple[int, bytes]:
        """The exit status of qvm, and what it has said."""
        said = self.qvm.communicate(timeout=programs.PATIENCE)[1]
        return self.qvm.returncode, said


def _accepted(listener: socket.socket, process: programs.Program[bytes]) -> socket.socket:
    """The host's end of the connection that qvm makes."""
    programs.until(lambda: select.select([listener], [], [], 0)[0] or process.poll() is not None, "qvm does nothing")
    assert process.poll() is None, process.communicate()
    host, _ = listener.accept()
    host.settimeout(programs.PATIENCE)
    return host


@contextlib.contextmanager
def _met(
    folder: Path,
    command: Sequence[str] = (),
    *words: str | bytes,
    cwd: Path | None = None,
    stderr: int = subprocess.PIPE,
    before: Callable[[], object] | None = None,
    unheard: Callable[[programs.Program[bytes], socket.socket], object] = lambda _process, _host: None,
) -> Iterator[_Meeting]:
    """A qvm that has asked the host for its start. ``unheard`` is done before the host listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(folder / "host"))
        listener.listen()
        with programs.Program(
            [*(command or qvm.command()), *map(os.fsdecode, words or ("@guest",))],
            env={**os.environ, "QVM_HOST": str(folder / "host")},
            stdin=subprocess.DEVNULL,
            stderr=stderr,
            cwd=cwd,
            preexec_fn=before,
        ) as process:
            host = _accepted(listener, process)
            unheard(process, host)
            line, streams = bytearray(), list[int]()
            while not line.endswith(b"\n"):
                data, fds, _, _ = socket.recv_fds(host, 1 << 20, 2)
                assert data
                line += data
                streams += fds
            try:
                with host:
                    yield _Meeting(process, host, json.loads(line), streams)
            finally:
                for number in streams:
                    os.close(number)


def _waiting(descriptor: int) -> int:
    """How many bytes wait there to be read."""
    (count,) = struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)))
    return int(count)


def _file(process: object, number: int) -> Path:
    return Path(f"/proc/{process}/fd/{number}").readlink()


def test_what_is_asked_for(tmp_path: Path, either_qvm: Sequence[str]) -> None:
    with _met(tmp_path, either_qvm, "@a b", "x=1", cwd=tmp_path) as met:
        assert met.start == {"op": "start", "arguments": ["@a b", "x=1"], "directory": str(tmp_path)}
        assert [_file("self", number) for number in met.streams] == [_file(met.qvm.pid, number) for number in (0, 1)]
        met.says(b"say 0\n", b"say 4\nbye\nexit 7\n")
        assert met.ends() == (7, b"bye\n")


def test_every_byte_that_a_word_and_a_folder_can_have_comes_through(tmp_path: Path) -> None:
    every = bytes(range(1, 256))
    folder = tmp_path / os.fsdecode(every.replace(b"/", b""))
    folder.mkdir()
    with _met(tmp_path, (), every, b"", "é€😀", cwd=folder) as met:
        assert [_bytes(word) for word in met.start["arguments"]] == [every, b"", "é€😀".encode()]
        assert _bytes(met.start["directory"]) == os.fsencode(folder)
        met.says(b"exit 0\n")


def _bytes(word: str) -> bytes:
    return word.encode("utf-8", "surrogateescape")


def test_a_host_finds_a_file_of_any_name(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "ü"
    folder.mkdir()
    for name in ("é €.qvmconf".encode(), b'quoted "\\ \xff\xc3.qvmconf'):
        (folder / os.fsdecode(name)).write_text("system one\nram 64M\nload nowhere\n")
        run = programs.run(
            [*qvm.command(), "@" + os.fsdecode(name)],
            cwd=folder,
            env={**os.environ, "QVM_HOST": str(bench.host.socket)},
            capture_output=True,
        )
        shown = os.fsdecode(name).encode(errors="backslashreplace")
        assert (run.returncode, b":3]" in run.stderr, shown in run.stderr) == (65, True, True), run.stderr


def test_a_command_line_that_is_longer_than_a_socket_takes_at_once(tmp_path: Path) -> None:
    """And which is sent in parts, because qvm is stopped and goes on while it waits for the host to listen."""

    def stop_and_go_on(process: programs.Program[bytes], host: socket.socket) -> None:
        stat = Path(f"/proc/{process.pid}/stat")
        programs.until(lambda: _waiting(host.fileno()) and ") S " in stat.read_text(), "it never waits")
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        process.send_signal(signal.SIGCONT)

    words = ["\x01" * 120_000] * 10
    with _met(tmp_path, (), *words, unheard=stop_and_go_on) as met:
        assert met.start["arguments"] == words
        met.says(b"exit 0\n")
        assert met.ends() == (0, b"")


def test_a_command_line_that_is_too_long_for_the_host_is_refused(bench: Bench) -> None:
    words = ["\x01" * 120_000] * 12
    assert len(json.dumps(words)) > MAX_LINE
    run = programs.run(
        [*qvm.command(), *words], env={**os.environ, "QVM_HOST": str(bench.host.socket)}, capture_output=True
    )
    assert (run.returncode, b"a line of more than" in run.stderr) == (64, True), run.stderr


def test_what_the_host_says_comes_in_whatever_pieces(tmp_path: Path) -> None:
    text = "".join(f"line {number} …\n" for number in range(2000)).encode()
    said = b"say 0\nsay %d\n%ssay 3\na\nbexit 12\n" % (len(text), text)
    chance = random.Random(1)
    with _met(tmp_path) as met:
        places = sorted(chance.randrange(len(said)) for _ in range(50))
        bounds = [0, *range(1, 30), *places, *range(len(said) - 30, len(said) + 1)]
        met.says(*(said[one:two] for one, two in zip(sorted(bounds), sorted(bounds)[1:], strict=False)))
        assert met.ends() == (12, text + b"a\nb")


@pytest.mark.parametrize(
    ("said", "status", "words"),
    [
        (b"", 64, b"qvm: no host: the host ended before it answered\n"),
        (b"say", 64, b"qvm: no host: the host ended before it answered\n"),
        (b"say 0\n", 96, b"qvm: the host is gone\n"),
        (b"say 9\nhalf", 96, b"halfqvm: the host is gone\n"),
        (b'{"ok": false, "error": "no"}\n', 64, b'qvm: not understood: {"ok": false, "error": "no"}\n'),
        (b"say -1\n", 64, b"qvm: not understood: say -1\n"),
        (b"say 1 \n", 64, b"qvm: not understood: say 1 \n"),
        (b"say 0\nexit\x1b\n", 96, b"qvm: not understood: exit?\n"),
        (b"x" * 9000, 64, b"qvm: not understood: " + b"x" * 511 + b"\n"),
    ],
)
def test_a_host_that_ends_early_or_makes_no_sense(tmp_path: Path, said: bytes, status: int, words: bytes) -> None:
    with _met(tmp_path) as met:
        met.says(said)
        assert met.ends() == (status, words)


def test_a_host_that_is_reset_after_its_answer_gives_96(tmp_path: Path, either_qvm: Sequence[str]) -> None:
    with _met(tmp_path, either_qvm) as met:
        # What has not been read when the socket closes makes qvm's read fail with a reset.
        met.host.sendall(b"say 3\nhi\n")
        assert met.qvm.stderr
        assert met.qvm.stderr.readline() == b"hi\n"
        met.qvm.send_signal(signal.SIGUSR1)
        met.host.recv(1, socket.MSG_PEEK)
        met.host.close()
        assert met.ends() == (96, b"qvm: the host is gone\n")


def test_a_signal_after_the_last_word_of_the_host_changes_nothing(tmp_path: Path, either_qvm: Sequence[str]) -> None:
    with _met(tmp_path, either_qvm) as met:
        met.qvm.send_signal(signal.SIGSTOP)
        os.waitpid(met.qvm.pid, os.WUNTRACED)
        met.says(b"say 0\nsay 0\nexit 3\n")
        met.qvm.send_signal(signal.SIGTERM)
        met.qvm.send_signal(signal.SIGCONT)
        assert met.ends() == (3, b"")


REQUESTS = {
    signal.SIGTERM: {"op": "stop", "how": "power-button"},
    signal.SIGINT: {"op": "stop", "how": "power-button"},
    signal.SIGQUIT: {"op": "stop", "how": "power-cut"},
    signal.SIGUSR1: {"op": "report"},
}


def _ignore_all() -> None:
    for number in (*REQUESTS, signal.SIGUSR2, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


@pytest.mark.parametrize("before", [None, _ignore_all], ids=["as usual", "started with all of them ignored"])
def test_signals_are_passed_on(tmp_path: Path, before: Callable[[], object] | None) -> None:
    """A shell starts what is in its background with SIGINT and SIGQUIT ignored."""
    with _met(tmp_path, before=before) as met, met.host.makefile("rb") as stream:
        for number, request in REQUESTS.items():
            met.qvm.send_signal(number)
            assert json.loads(stream.readline()) == request
        met.qvm.send_signal(signal.SIGUSR2)
        assert met.qvm.stderr
        assert met.qvm.stderr.readline() == b"qvm: the emulated host writes no guest dumps\n"
        met.qvm.send_signal(signal.SIGHUP)
        if before:
            met.says(b"exit 0\n")
        assert met.ends() == ((0, b"") if before else (130, b"qvm: interrupted\n"))


def test_no_signal_is_overlooked(tmp_path: Path) -> None:
    """A host that talks to qvm at the very moment in which the signal comes, again and again."""
    with _met(tmp_path, stderr=subprocess.DEVNULL) as met, met.host.makefile("rb") as stream:
        chance = random.Random(1)
        for _ in range(6000):
            met.host.sendall(b"say 0\n")
            moment = time.perf_counter_ns() + chance.randrange(120_000)
            while time.perf_counter_ns() < moment:
                pass
            met.qvm.send_signal(signal.SIGUSR1)
            assert json.loads(stream.readline()) == {"op": "report"}
        met.says(b"exit 7\n")
        assert met.qvm.wait(programs.PATIENCE) == 7


@contextlib.contextmanager
def _nobody_reads(folder: Path) -> Iterator[tuple[_Meeting, int, bytes]]:
    """A qvm that has a long text to say and waits for its reader, the end to read from, and what is still to come."""
    reading, writing = os.pipe()
    try:
        with _met(folder, stderr=writing) as met:
            os.close(writing)
            text = b"x" * (1 << 20)
            met.host.sendall(b"say %d\n" % len(text))
            met.host.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while text:
                    text = text[met.host.send(text) :]
            room = fcntl.fcntl(reading, fcntl.F_GETPIPE_SZ)
            programs.until(lambda: _waiting(reading) == room, lambda: f"{_waiting(reading)} bytes of {room}")
            met.host.settimeout(programs.PATIENCE)
            yield met, reading, text
    finally:
        os.close(reading)


def test_a_hung_up_qvm_ends_although_nobody_reads_what_it_says(tmp_path: Path) -> None:
    with _nobody_reads(tmp_path) as (met, _, _):
        met.qvm.send_signal(signal.SIGHUP)
        assert met.qvm.wait(programs.PATIENCE) == 130


def test_signals_are_passed_on_while_nobody_reads_what_is_said(tmp_path: Path) -> None:
    with _nobody_reads(tmp_path) as (met, reading, rest):
        met.qvm.send_signal(signal.SIGUSR2)
        with met.host.makefile("rb") as stream:
            for number, request in REQUESTS.items():
                met.qvm.send_signal(number)
                assert json.loads(stream.readline()) == request
        said = bytearray()
        with os.fdopen(reading, "rb", closefd=False) as reader:
            thread = threading.Thread(target=lambda: said.extend(reader.read()))
            thread.start()
            met.says(rest, b"exit 0\n")
            assert met.qvm.wait(programs.PATIENCE) == 0
            thread.join()
        word = b"qvm: the emulated host writes no guest dumps\n"
        assert (said.count(word), bytes(said.replace(word, b""))) == (1, b"x" * (1 << 20))


def _close_all() -> None:
    for number in (0, 1, 2):
        os.close(number)


def test_closed_standard_streams_are_the_null_device(tmp_path: Path) -> None:
    with _met(tmp_path, stderr=subprocess.DEVNULL, before=_close_all) as met:
        assert {_file("self", number) for number in met.streams} == {_file(met.qvm.pid, 2)} == {Path(os.devnull)}
        met.says(b"say 3\nhi\nexit 5\n")
        assert met.qvm.wait(programs.PATIENCE) == 5


def test_a_reader_that_has_gone_changes_nothing(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with _met(tmp_path, stderr=writing) as met:
        os.close(writing)
        met.says(b"say 3\nhi\n" * 1000, b"exit 3\n")
        assert met.qvm.wait(programs.PATIENCE) == 3


def _no_host(command: Sequence[str], host: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "QVM_HOST": str(host)}
    return programs.run([*command, "@x"], env=environment, cwd=cwd, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nothing", "No such file or directory"),
        ("nowhere/host", "No such file or directory"),
        ("left", "Connection refused"),
        ("x" * 200, "File name too long"),
    ],
)
def test_without_a_host_qvm_says_so_and_exits_64(tmp_path: Path, name: str, why: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(tmp_path / "left"))
    run = _no_host(qvm.command(), tmp_path / name)
    assert (run.returncode, run.stderr) == (64, f"qvm: no host: {tmp_path / name}: {why}\n")


def test_the_qvm_of_a_person_says_the_same(tmp_path: Path, either_qvm: Sequence[str]) -> None:
    run = _no_host(either_qvm, tmp_path / "nothing")
    assert (run.returncode, run.stderr) == (64, f"qvm: no host: {tmp_path / 'nothing'}: No such file or directory\n")


def test_without_the_name_of_a_host_the_program_says_so() -> None:
    run = _no_host(qvm.command(), "")
    assert (run.returncode, run.stderr) == (64, "qvm: no host: QVM_HOST is not set\n")


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "host"))
        listener.listen()
        run = programs.run(
            ["sh", "-c", 'rmdir "$PWD" && exec "$@"', "sh", *qvm.command(), "@x"],
            env={**os.environ, "QVM_HOST": str(tmp_path / "host")},
            cwd=folder,
            capture_output=True,
        )
    assert (run.returncode, run.stderr) == (64, b"qvm: no host: the current directory: No such file or directory\n")


@pytest.mark.parametrize("relative", [False, True])
def test_the_path_of_the_socket_may_be_long(tmp_path: Path, relative: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / ("long" * 50)
    folder.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        monkeypatch.chdir(folder)
        listener.bind("host")
        listener.listen()
        environment = {**os.environ, "QVM_HOST": "host" if relative else str(folder / "host")}
        with programs.Program([*qvm.command(), "@x"], env=environment, stderr=subprocess.PIPE) as process:
            with _accepted(listener, process) as host:
                assert json.loads(host.makefile("rb").readline())["op"] == "start"
                host.sendall(b"exit 4\n")
            assert process.wait(programs.PATIENCE) == 4
