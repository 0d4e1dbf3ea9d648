# SPDX-License-Identifier: Apache-2.0
"""Stands on a board between its SSH server and all that a session starts, and spoils one thing of it.

The server runs it in the place of every command and of file transfer (``ForceCommand``). Its argument is a folder of
the test: ``plan.json`` says what is spoilt and how, ``seen`` gets a line for each command and each request for a file.
Only what Python itself has is used: it starts with every command.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shlex
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

ALL = "every command"
NOISE = b"\x00\xff\x1b[2J@@ 0x5eed \xc3\x28 noise\n"
SLOW_SECONDS = 2.0
_GUARD = re.compile(r"exec 3<&0; sh -c (?P<command>.*?) </dev/null 3<&- & pid=", re.S)
_STATUSES = {"denied": 3, "failure": 4, "no such file": 2, "unsupported": 8, "says it is done": 0, "ended": 1}
_NAMES = {
    3: "open", 4: "close", 5: "read", 6: "write", 7: "lstat", 8: "fstat", 9: "setstat", 10: "fsetstat",
    11: "opendir", 12: "readdir", 13: "remove", 14: "mkdir", 15: "rmdir", 16: "realpath", 17: "stat", 18: "rename",
}  # fmt: skip
_OF_A_HANDLE = {"close", "read", "write", "fstat", "fsetstat", "readdir"}
_STATUS, _HANDLE, _NAME, _EXTENDED = 101, 102, 104, 200


def kind(command: str) -> str:
    """What a command is, without what differs from run to run: its guard, folders, numbers."""
    words = shlex.split(command)
    text = words[-1]
    if guard := _GUARD.match(text):
        text = shlex.split(guard["command"])[0].removeprefix("exec ")
    return re.sub(r"\d+", "N", re.sub(r"(?:/[\w.-]+)+/", "/", text))


class Plan:
    """What is spoilt: the ``nth`` of the things called ``what`` (each of them, if that is 0), and ``how``."""

    def __init__(self, folder: Path) -> None:
        plan = json.loads((folder / "plan.json").read_text())
        self._what, self._nth, self.how = plan["what"], plan["nth"], plan["how"]
        self.sftp_server: list[str] = plan["sftp_server"]
        self._seen = folder / "seen"

    def spoils(self, what: str) -> bool:
        """Note that it is asked for; whether this is the one that is spoilt."""
        with self._seen.open("a+") as seen:
            fcntl.flock(seen, fcntl.LOCK_EX)
            seen.seek(0)
            before = [json.loads(line) for line in seen]
            seen.write(json.dumps(what) + "\n")
        meant = self._what == what or (self._what == ALL and what[:4] != "sftp")
        return meant and self._nth in (0, before.count(what) + 1)


def command(text: str, how: str) -> int:
    """Run a command of a session in this wrong way; returns its exit status."""
    shell = [os.environ.get("SHELL", "/bin/sh"), "-c", text]
    if how in _INSTEAD:
        _INSTEAD[how]()
        return _EXITS.get(how, 0)
    if how == "noise before":
        os.write(1, NOISE)
    elif how == "slow":
        time.sleep(SLOW_SECONDS)
    elif how == "mute":
        return subprocess.run(shell, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode
    elif how == "wrong status":
        return subprocess.run(shell, check=False).returncode + 1
    return os.execv(shell[0], shell)


def _flood() -> None:
    while True:
        os.write(1, NOISE * 1000)


def _hang() -> None:
    while os.read(0, 4096):
        pass


def _end_by_a_signal() -> None:
    """End the shell of the session, if there is one above this program, and this program."""
    parent = os.getppid()
    if Path(__file__).name in Path(f"/proc/{parent}/cmdline").read_text():
        os.kill(parent, 9)
    os.kill(os.getpid(), 9)


_INSTEAD = {
    "says it is done": lambda: None,
    "fails": lambda: None,
    "garbage": lambda: os.write(1, NOISE),
    "garbage and failure": lambda: os.write(1, NOISE),
    "missing": lambda: os.write(2, b"sh: not found\n"),
    "killed": _end_by_a_signal,
    "floods": _flood,
    "hangs": _hang,
}
"""What is done instead of the command."""
_EXITS = {"fails": 1, "garbage and failure": 1, "missing": 127}


class Transfer:
    """File transfer through the board's own server, but for the request that is spoilt."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._server = subprocess.Popen(plan.sftp_server, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._lock = threading.Lock()
        self._opening: dict[bytes, str] = {}
        self._names: dict[bytes, str] = {}

    def run(self) -> int:
        """Until a side ends."""
        threading.Thread(target=self._answers, daemon=True).start()
        while packet := _packet(sys.stdin.buffer):
            name = self._name(packet)
            if not self._plan.spoils(f"sftp {name}") or not self._spoil(packet[1:5]):
                assert self._server.stdin
                self._server.stdin.write(struct.pack(">I", len(packet)) + packet)
                self._server.stdin.flush()
        return 0

    def _answers(self) -> None:
        assert self._server.stdout
        while packet := _packet(self._server.stdout):
            number = packet[1:5]
            if packet[0] == _HANDLE and number in self._opening:
                self._names[_text(packet, 5)] = self._opening[number]
            self._say(packet)
        os._exit(0)

    def _name(self, packet: bytes) -> str:
        if packet[0] == _EXTENDED:
            extension = _text(packet, 5)
            return f"{extension.decode().partition('@')[0]} {_base(_text(packet, 9 + len(extension)))}"
        request = _NAMES.get(packet[0])
        if request is None:
            return "begin"
        text = _text(packet, 5)
        name = self._names.get(text, "?") if request in _OF_A_HANDLE else _base(text)
        if request in ("open", "opendir"):
            self._opening[packet[1:5]] = name
        return f"{request} {name}"

    def _spoil(self, number: bytes) -> bool:
        """Answer instead of the server; False where it is only late."""
        how = self._plan.how
        if how == "slow":
            time.sleep(SLOW_SECONDS)
            return False
        if how == "closes":
            os._exit(1)
        if how == "garbage":
            self._say(NOISE)
        elif how == "something else":
            self._say(bytes([_NAME]) + number + bytes(4))
        elif how == "floods":
            while True:
                self._say(NOISE)
        elif how in _STATUSES:
            words = f"{how}".encode()
            code = struct.pack(">I", _STATUSES[how])
            self._say(bytes([_STATUS]) + number + code + struct.pack(">I", len(words)) + words + bytes(4))
        return True

    def _say(self, packet: bytes) -> None:
        with self._lock:
            sys.stdout.buffer.write(struct.pack(">I", len(packet)) + packet)
            sys.stdout.buffer.flush()


def _packet(stream: object) -> bytes:
    head = stream.read(4)  # type: ignore[attr-defined]
    return stream.read(struct.unpack(">I", head)[0]) if len(head) == 4 else b""  # type: ignore[attr-defined]


def _text(packet: bytes, place: int) -> bytes:
    (length,) = struct.unpack_from(">I", packet, place)
    return packet[place + 4 : place + 4 + length]


def _base(path: bytes) -> str:
    return re.sub(r"\d+", "N", path.decode("utf-8", "replace").rstrip("/").rpartition("/")[2]) or "/"


def main() -> int:
    """In the place of what the session was to start."""
    plan = Plan(Path(sys.argv[1]))
    text = os.environ["SSH_ORIGINAL_COMMAND"]
    if text.startswith("internal-sftp"):
        return Transfer(plan).run()
    return command(text, plan.how if plan.spoils(kind(text)) else "")


if __name__ == "__main__":
    sys.exit(main())
