# SPDX-License-Identifier: Apache-2.0
"""Other users of the machine: the sockets and folders of an emulated host are closed to them, whatever they prepare."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from pathlib import Path

import pytest

from harness.emulator import qvm
from harness.emulator.service.client import EmulatedHost, HostClient
from harness.emulator.service.protocol import connect
from harness.errors import BenchError
from tests import programs
from tests.emulator.conftest import Bench, configuration
from tests.hostile import another_user
from tests.hostile.another_user import OPEN, common_place, give

pytestmark = another_user.needed

_CONNECT = """
connection = socket.socket(socket.AF_UNIX)
connection.settimeout(30)
connection.connect(sys.argv[1])
connection.sendall(b'{"op": "regions"}\\n')
print(connection.recv(100) or "closed")
"""
_LISTEN = """
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
listener.listen()
print("ready", flush=True)
while True:
    connection, _ = listener.accept()
    try:
        said = connection.recv(1000)
    except ConnectionResetError:
        said = b""
    print(said, flush=True)
"""


def _open_to_all(folder: Path) -> None:
    """As a careless user, or another version of this program, could leave it."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(OPEN)


def test_the_folder_of_a_host_is_closed(bench: Bench) -> None:
    bench.guest(configuration())
    folder = bench.host.run_directory
    sockets = [path for path in folder.rglob("*") if path.is_socket()]
    assert len(sockets) == 2, "the control socket, and that of a device"
    for path in sockets:
        assert another_user.says(_CONNECT, path) == "PermissionError"
    for path in (folder, folder / "root", folder / "root" / "dev"):
        assert another_user.says("print(os.listdir(sys.argv[1]))", path) == "PermissionError"
    for console in bench.client.guests()[0].consoles:
        assert another_user.says("os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)", console) == "PermissionError"
        terminal = Path(console).resolve()
        assert another_user.says("os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)", terminal) == "PermissionError"
    assert another_user.says("print(os.listdir(f'/proc/{sys.argv[1]}/fd'))", bench.host.pid) == "PermissionError"


def test_a_folder_that_has_been_opened_lets_nobody_in(bench: Bench) -> None:
    bench.client.create("secret", 1).write(0, b"secret")
    _open_to_all(bench.host.run_directory)
    for _ in range(3):
        # A connection is closed at once: what somebody says then may find nobody.
        assert another_user.says(_CONNECT, bench.host.socket) in ("closed", "ConnectionResetError", "BrokenPipeError")
    assert [region.name for region in bench.client.regions()] == ["secret"]
    with bench.host.client() as another_client_of_mine:
        assert another_client_of_mine.attach("secret").read(0, 6) == b"secret"


def test_a_host_of_another_user_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "guest.qvmconf").write_text("system one\nram 64M\nload nowhere\n")
    with common_place() as place:
        place.chmod(OPEN)
        path = place / "control"
        somebody = another_user.start(_LISTEN, path)
        with pytest.raises(BenchError, match="another user's host"):
            HostClient(path)
        result = programs.run(
            [*qvm.command(), f"@{tmp_path / 'guest.qvmconf'}"],
            env={**os.environ, "QVM_HOST": str(path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (result.returncode, "another user's host" in result.stderr) == (64, True), result.stderr
        assert "Traceback" not in result.stderr
        assert somebody.stdout
        assert [somebody.stdout.readline() for _ in range(2)] == ["b''\n", "b''\n"], "nothing was told to a stranger"
        somebody.terminate()


_EXCHANGE = """
place, own, foreign = sys.argv[1:]
print("ready", flush=True)
while True:
    for one, other in ((own, foreign), (foreign, own)):
        os.rename(place, one)
        os.rename(other, place)
"""


def test_names_that_are_exchanged_all_the_time_lead_to_no_stranger(tmp_path: Path) -> None:
    """In a folder where others can rename: whoever answers is the host of this user, or there is an error."""
    with EmulatedHost(log=tmp_path / "log") as host, common_place() as place:
        place.chmod(OPEN)
        for name in ("foreign", "shown"):
            (place / name).mkdir()
            give(place / name)
        somebody = another_user.start(_LISTEN, place / "foreign/control")
        # A link to the real host, made by this user: the way there is exchanged, as a folder itself would be.
        (place / "shown").rmdir()
        (place / "shown").symlink_to(host.run_directory)
        racing = another_user.start(_EXCHANGE, place / "shown", place / "own", place / "foreign")
        met = {"mine": 0, "stranger": 0}

        def try_once() -> bool:
            with socket.socket(socket.AF_UNIX) as connection:
                try:
                    connect(connection, place / "shown/control")
                except PermissionError:
                    met["stranger"] += 1
                except OSError:
                    # Neither was there, or the stranger cannot keep up.
                    pass
                else:
                    connection.sendall(b'{"op": "regions"}\n')
                    assert b'"ok": true' in connection.recv(100)
                    met["mine"] += 1
            return min(met.values()) >= 20

        programs.until(try_once, lambda: str(met), 120)
        racing.end()
        somebody.terminate()
        assert somebody.stdout
        assert set(somebody.stdout.read().splitlines()) <= {"b''"}


def _folder_of_somebody(path: Path) -> None:
    path.mkdir(mode=0o700)
    give(path)


def _link_to_a_folder(path: Path) -> None:
    (path.parent / "target").mkdir(mode=0o700)
    (path.parent / "target" / "mine").write_text("mine")
    path.symlink_to(path.parent / "target")


def _link_of_somebody(path: Path) -> None:
    path.symlink_to("/root")
    give(path)


def _socket(path: Path) -> None:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as made:
        made.bind(str(path))


PREPARED = {
    "a folder of somebody's": _folder_of_somebody,
    "a folder that a group can enter": lambda path: path.mkdir(mode=0o750),
    "a link to a folder of mine": _link_to_a_folder,
    "a link of somebody's": _link_of_somebody,
    "a link to nothing": lambda path: path.symlink_to(path.parent / "nothing"),
    "a file": lambda path: path.write_text("file"),
    "a pipe": os.mkfifo,
    "a socket": _socket,
}


@pytest.mark.parametrize("what", PREPARED)
def test_what_stands_where_the_host_of_this_user_would_be_is_not_used(tmp_path: Path, what: str) -> None:
    path = tmp_path / "shmem-host"
    PREPARED[what](path)
    before = {place: place.lstat().st_mtime_ns for place in tmp_path.rglob("*")}
    environment = {key: value for key, value in os.environ.items() if key != "QVM_HOST"}
    result = programs.run(
        [sys.executable, "-m", "harness.emulator.qvm", "@x"],
        env={**environment, "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 64
    assert f"{path} does not belong to you, or other users can access it" in result.stderr
    assert {place: place.lstat().st_mtime_ns for place in tmp_path.rglob("*")} == before
