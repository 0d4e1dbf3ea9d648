# SPDX-License-Identifier: Apache-2.0
"""The loopback board as a program on a machine that others use too."""

from __future__ import annotations

import socket
from pathlib import Path

import paramiko
import pytest
import serial

from harness.errors import HarnessError
from harness.loopback.command import command_board
from harness.loopback.resource import LoopbackBoard
from tests import programs


def test_what_a_board_is_made_of_is_fetched_before_it_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time limit of the start is none of the fetching's, and what the fetching says is not hidden in a log."""
    monkeypatch.setenv("SHMEM_HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SHMEM_HARNESS_APT_SOURCES", str(tmp_path / "no.sources"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(HarnessError) as error:
        LoopbackBoard()
    assert "no.sources" in str(error.value)
    assert "did not start" not in str(error.value)
    assert not list(tmp_path.glob("shmem-board-*"))


def test_the_port_stays_the_boards_while_it_has_no_power(board: LoopbackBoard) -> None:
    command_board(board.folder, "off")
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", board.port))


def test_nobody_who_knows_the_target_file_gets_a_shell_over_ssh(board: LoopbackBoard) -> None:
    """Its password is for the serial line, which is its owner's alone; the port is open to every user."""
    line = (board.folder / "serial").resolve()
    assert line.stat().st_mode & 0o007 == 0
    command_board(board.folder, "on")
    try:
        with serial.Serial(str(line), timeout=programs.PATIENCE) as port:
            assert port.read_until(b"host ready").endswith(b"host ready")
        with pytest.raises(paramiko.AuthenticationException):
            _log_in(board, "loopback")
        _log_in(board, board.password)
    finally:
        command_board(board.folder, "off")


def _log_in(board: LoopbackBoard, password: str) -> None:
    with socket.create_connection(("127.0.0.1", board.port)) as connection, paramiko.Transport(connection) as transport:
        transport.connect(username="board", password=password)
