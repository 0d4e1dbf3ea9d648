# SPDX-License-Identifier: Apache-2.0
"""A host that lacks something: an error of the bench that names it, before any guest could be misjudged."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from labgrid.strategy import StrategyError

from harness.errors import BenchError
from harness.guest.probe import Probe
from harness.guest.target import GuestTarget
from harness.host.protocol import stop_guests
from harness.host.ssh import SessionsError
from harness.loopback.command import command_board
from tests import programs
from tests.boards.lab import Lab

_TOOLS = ("sh", "cat", "stty", "rm")
"""All that the harness needs as programs."""


@pytest.fixture
def tools(lab: Lab, tmp_path: Path) -> Path:
    """The one folder on the PATH of the host's SSH sessions, from its next boot on."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for tool in _TOOLS:
        (folder / tool).symlink_to(shutil.which(tool) or pytest.fail(f"this machine has no {tool}"))
    (folder / "qvm").symlink_to(lab.folder / "bin/qvm")
    command_board(lab.folder, "behave", path=str(folder))
    return folder


def _refusal(lab: Lab) -> str:
    with pytest.raises(StrategyError) as error:
        lab.open().transition("ready")
    assert isinstance(error.value.__cause__, BenchError)
    return str(error.value.__cause__)


@pytest.mark.usefixtures("tools")
def test_a_host_with_few_tools_runs_guests(lab: Lab, tmp_path: Path) -> None:
    host = lab.ready()
    guest = lab.start_guest(host)
    target = GuestTarget("guest0", guest.wait_console(programs.PATIENCE), tmp_path / "console.log")
    assert Probe(target.console.transport(), "guest0").identify(timeout=programs.PATIENCE).architecture == "x86_64"
    target.close()
    stop_guests([guest], "power-cut", programs.PATIENCE)
    assert guest.exit_status() == 3


def test_variables_of_the_target_file_reach_every_command(lab: Lab, tools: Path, tmp_path: Path) -> None:
    """The programs are in a folder that the server's PATH does not have."""
    elsewhere = tmp_path / "with a blank"
    elsewhere.mkdir()
    (tools / "qvm").rename(elsewhere / "qvm")
    (tools / "stty").rename(elsewhere / "stty")
    assert "'qvm'" in _refusal(lab)
    lab.set("ShmemQnxHostDriver", environment={"PATH": f"{tools}:{elsewhere}", "LD_LIBRARY_PATH": "/proc/boot"})
    host = lab.ready()
    assert host._connection.run(["sh", "-c", "echo $LD_LIBRARY_PATH"], programs.PATIENCE).output == "/proc/boot\n"
    guest = lab.start_guest(host)
    guest.wait_console(programs.PATIENCE)
    stop_guests([guest], "power-cut", programs.PATIENCE)
    assert guest.exit_status() == 3


# A shell of this machine has 'kill' as a builtin command.
@pytest.mark.parametrize("tool", ["cat", "rm", "stty", "qvm"])
def test_a_tool_that_is_missing_is_named_with_its_path(lab: Lab, tools: Path, tool: str) -> None:
    (tools / tool).unlink()
    said = _refusal(lab)
    assert repr(tool) in said
    assert str(tools) in said
    assert [other for other in ("cat", "rm", "stty", "qvm") if repr(other) in said.partition("remedy")[0]] == [tool]


def test_all_tools_that_are_missing_are_named_at_once(lab: Lab, tools: Path) -> None:
    for tool in ("cat", "stty"):
        (tools / tool).unlink()
    said = _refusal(lab)
    assert "'cat', which carries consoles" in said
    assert "'stty', which sets the consoles of guests" in said


def test_a_terminal_that_the_host_does_not_have_is_named(lab: Lab) -> None:
    host = lab.ready()
    first = lab.start_guest(host)
    first.wait_console(programs.PATIENCE)
    stop_guests([first], "power-cut", programs.PATIENCE)
    guest = host.start_guest("guest0", f"{lab.home}/shmem-harness/guest0.qvmconf", "/dev/ptyp9")
    with pytest.raises(
        BenchError, match=r"the terminal .*/dev/ttyp9 of a guest's console cannot be opened: there is none"
    ):
        guest.wait_console(programs.PATIENCE)
    stop_guests([guest], "power-cut", programs.PATIENCE)


def test_a_terminal_that_cannot_be_made_raw_is_named(lab: Lab) -> None:
    lab.set("ShmemQnxHostDriver", raw_mode="stty no-such-mode")
    host = lab.ready()
    guest = lab.start_guest(host)
    with pytest.raises(
        BenchError, match=r"(?s)'stty no-such-mode' does not put the terminal .*/dev/ttyp0 .*no-such-mode"
    ):
        guest.wait_console(programs.PATIENCE)
    stop_guests([guest], "power-cut", programs.PATIENCE)


def test_more_guests_run_than_a_connection_has_sessions_for(lab: Lab, tmp_path: Path) -> None:
    """Two sessions each, beside those for files and commands; ten is what OpenSSH grants unless it is told."""
    command_board(lab.folder, "behave", max_sessions=10)
    host = lab.ready()
    guests = [lab.start_guest(host, number) for number in range(8)]
    for number, guest in enumerate(guests):
        target = GuestTarget(guest.system, guest.wait_console(programs.PATIENCE), tmp_path / f"{number}.log")
        Probe(target.console.transport(), guest.system).identify(timeout=programs.PATIENCE)
        target.close()
    stop_guests(guests, "power-cut", programs.PATIENCE)
    assert [guest.exit_status() for guest in guests] == [3] * 8


def test_a_host_that_grants_no_session_is_said_so(lab: Lab) -> None:
    command_board(lab.folder, "behave", max_sessions=0)
    with pytest.raises(StrategyError) as error:
        lab.open().transition("ready")
    assert isinstance(error.value.__cause__, SessionsError)
    assert "grants no further SSH session" in str(error.value.__cause__)
    assert "MaxSessions" in str(error.value.__cause__)
