# SPDX-License-Identifier: Apache-2.0
"""A whole remote lab on loopback: labgrid's coordinator and exporter, ser2net, and a board that is exported by them."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from harness.loopback.resource import LoopbackBoard
from harness.provision.process import bound_to_parent
from harness.remote.place import Lab
from tests import programs
from tests.boards import ser2net

PLACE = "loop"
_HELD = "the place that is held"
_START_SECONDS = programs.PATIENCE


class Service:
    """A server of labgrid's, with all that it says."""

    def __init__(self, module: str, arguments: Sequence[str], folder: Path, environment: dict[str, str]) -> None:
        self.said: list[str] = []
        self._heard = threading.Condition()
        self.process = programs.Program(
            bound_to_parent([sys.executable, "-u", "-m", module, *arguments]),
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._heard:
                self.said.append(line)
                self._heard.notify_all()

    def wait_for(self, pattern: str) -> None:
        with self._heard:
            found = self._heard.wait_for(lambda: re.search(pattern, "".join(self.said)), _START_SECONDS)
        assert found, f"no {pattern!r} from {self.process.args!r}:\n{''.join(self.said)}"

    def stop(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(programs.PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class RemoteLab:
    """The servers and the board; ``client`` is labgrid's, ``environment`` what programs of this lab need."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.board = LoopbackBoard()
        self.address = f"127.0.0.1:{_free_port()}"
        self.lab = Lab(self.address)
        self.environment = self.lab.environment() | {
            "PATH": f"{ser2net.install(folder / 'bin')}:{os.environ['PATH']}",
            "LG_HOSTNAME": "lab",
            "LG_USERNAME": "tester",
        }
        os.environ.update({name: self.environment[name] for name in ("LG_HOSTNAME", "LG_USERNAME")})
        (folder / "coordinator").mkdir()
        self.coordinator = Service(
            "labgrid.remote.coordinator", ["-l", self.address], folder / "coordinator", self.environment
        )
        self.coordinator.wait_for("Coordinator ready")
        self.exporter = self._export()
        self.lab.client("-p", PLACE, "create")
        self.lab.client("-p", PLACE, "add-match", "lab/board/*")
        self.lab.client("-p", PLACE, "set-tags", "board=loopback")

    def _export(self) -> Service:
        exports = self.folder / "exports.yaml"
        service = {"address": "127.0.0.1", "username": "board", "port": self.board.port}
        serial = {"port": os.path.realpath(self.board.folder / "serial")}
        exports.write_text(yaml.safe_dump({"board": {"RawSerialPort": serial, "NetworkService": service}}))
        arguments = ["-c", self.address, "--hostname", "127.0.0.1", "--name", "lab", str(exports)]
        exporter = Service("labgrid.remote.exporter", arguments, self.folder, self.environment)
        exporter.wait_for("connected to coordinator")
        return exporter

    def acquired_by(self) -> str:
        """The user who holds the place; empty when it is free."""
        said = self.lab.client("-p", PLACE, "show")
        match = re.search(r"acquired: (\S+)", said)
        return "" if match is None or match[1] == "None" else match[1]

    def wait_released(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.acquired_by():
            assert time.monotonic() < deadline, f"the place was not released within {seconds:g} s"

    def target(self, templates: Path) -> Path:
        """A target file that knows nothing of the board but that its place is held."""
        target = {
            "resources": {"RemotePlace": {"name": _HELD}},
            "drivers": {
                "ExternalPowerDriver": {
                    "cmd_on": f"{self.board.folder}/switch on",
                    "cmd_off": f"{self.board.folder}/switch off",
                    "delay": 0.1,
                },
                "SerialDriver": {},
                "ShmemQnxHostDriver": {
                    "folder": "shmem-harness",
                    "keyfile": f"{self.board.folder}/etc/client_key",
                    "agent": False,
                    "host_key": "console",
                    "root": "../host/root",
                },
                "ShmemBoardStrategy": {
                    "boot": ["hypervisor host ready"],
                    "boot_seconds": 20.0,
                    "password": "loopback",
                    "host_key_command": "cat $BOARD_HOST_KEY",
                },
            },
            "options": {
                "architecture": "x86_64",
                "profile": "7.0",
                "placements": ["pci"],
                "guest_images": ["probe"],
                "ways": ["serial"],
                "templates": str(templates),
            },
        }
        path = self.folder / "target.yaml"
        text = yaml.safe_dump({"imports": ["harness.labgrid"], "targets": {"remote": target}}, sort_keys=False)
        # As in targets/qnx-lab-example.yaml.
        path.write_text(text.replace(f"name: {_HELD}", 'name: !template "$LG_PLACE"'))
        return path

    def close(self) -> None:
        self.exporter.stop()
        self.coordinator.stop()
        self.board.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
