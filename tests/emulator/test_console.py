# SPDX-License-Identifier: Apache-2.0
"""The host's end of a guest's console."""

from __future__ import annotations

import contextlib
import errno
import os
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.emulator.machine import Console
from harness.emulator.machine.console import OpenConsole, Terminals, open_console
from harness.shmem.config import ConfigError
from harness.shmem.config.errors import NOWHERE
from tests.hostile.fuzzing import descriptors


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The host's root."""
    (tmp_path / "dev").mkdir()
    return tmp_path


@contextmanager
def _opened(terminals: Terminals, hostdev: str) -> Iterator[OpenConsole]:
    with contextlib.closing(open_console(Console(hostdev, NOWHERE), 0, terminals)) as console:
        yield console


def _is_edited(user: int | Path) -> bool:
    """Whether the terminal hands over whole lines and echoes them."""
    fd = user if isinstance(user, int) else os.open(user, os.O_RDWR | os.O_NOCTTY)
    modes: int = termios.tcgetattr(fd)[3]
    if fd != user:
        os.close(fd)
    assert bool(modes & termios.ICANON) == bool(modes & termios.ECHO)
    return bool(modes & termios.ECHO)


def test_what_a_guest_has_just_said_counts_as_unread(root: Path) -> None:
    """Were it overlooked, even once in a thousand times, a guest's last words would be lost now and then."""
    with _opened(Terminals(root), "/dev/ptyp0") as console:
        (controller,), (user,) = console.inherit, console.keep
        assert not _is_edited(user)
        words = b"the last words"
        for _ in range(1000):
            os.write(controller, words)
            assert console.unread == len(words)
            os.read(user, 100)
        assert console.unread == 0
    assert list((root / "dev").iterdir()) == []


def test_a_host_with_a_number_of_terminals_has_them_always_and_no_others(root: Path) -> None:
    with contextlib.closing(Terminals(root, 8)) as terminals:
        names = [f"ttyp{number}" for number in range(8)]
        assert sorted(path.name for path in (root / "dev").iterdir()) == names
        with pytest.raises(ConfigError, match="no such device"), _opened(terminals, "/dev/ptyp8"):
            pass
        with (
            _opened(terminals, "/dev/ptyp7"),
            pytest.raises(ConfigError, match="in use"),
            _opened(terminals, "/dev/ptyp7"),
        ):
            pass
        assert sorted(path.name for path in (root / "dev").iterdir()) == names


def test_a_terminal_of_a_number_begins_in_edited_mode_for_each_guest(root: Path) -> None:
    terminal = root / "dev/ttyp0"
    with contextlib.closing(Terminals(root, 1)) as terminals:
        for _guest in range(2):
            with _opened(terminals, "/dev/ptyp0"):
                assert _is_edited(terminal)
                reader = os.open(terminal, os.O_RDWR | os.O_NOCTTY)
                modes = termios.tcgetattr(reader)
                modes[3] &= ~(termios.ECHO | termios.ICANON)
                termios.tcsetattr(reader, termios.TCSANOW, modes)
                assert not _is_edited(terminal)
            # The end of the guest is one for its reader.
            with pytest.raises(OSError, match="Input/output"):
                os.write(reader, b"x")
            os.close(reader)
        assert _is_edited(terminal)


def test_a_terminal_that_cannot_be_made_again_is_made_for_the_next_guest(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left() -> tuple[int, int]:
        raise OSError(errno.EMFILE, "Too many open files")

    before = descriptors()
    with contextlib.closing(Terminals(root, 1)) as terminals:
        with monkeypatch.context() as shortage, _opened(terminals, "/dev/ptyp0"):
            shortage.setattr(os, "openpty", none_left)
        assert list((root / "dev").iterdir()) == []
        with _opened(terminals, "/dev/ptyp0") as console:
            assert console.link == root / "dev/ttyp0"
        assert _is_edited(root / "dev/ttyp0")
    assert descriptors() == before


@pytest.mark.parametrize("count", [0, 1])
def test_a_terminal_whose_name_cannot_be_made_leaves_no_descriptors(root: Path, count: int) -> None:
    terminals = Terminals(root, count)
    terminals.close()
    (root / "dev").rename(root / "away")
    before = descriptors()
    with pytest.raises(FileNotFoundError), _opened(terminals, "/dev/ptyp0"):
        pass
    assert descriptors() == before
