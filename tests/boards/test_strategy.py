# SPDX-License-Identifier: Apache-2.0
"""A board goes up and down through its states, mends itself within bounds, and says what it did."""

from __future__ import annotations

import os
import re
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path

import pytest
import serial
from labgrid.step import steps
from labgrid.strategy import StrategyError

from harness.errors import BenchError
from harness.host.board.strategy import BoardStatus
from harness.loopback.command import command_board
from tests import programs
from tests.boards.lab import Lab, within

LONG = str(10**7 + os.getpid())
"""Seconds, by which a command is known among all that run on this machine."""


def _reason(error: pytest.ExceptionInfo[StrategyError]) -> str:
    return str(error.value.__cause__)


def test_the_states_are_climbed_one_by_one_and_left_at_once(lab: Lab) -> None:
    strategy = lab.open()
    for status in ("booting", "shell", "ready"):
        strategy.transition(status)
        assert strategy.status is BoardStatus[status]
    strategy.host.check()
    strategy.transition("off")
    assert strategy.status is BoardStatus.off
    with pytest.raises(BenchError, match="not connected"):
        strategy.host.check()
    strategy.transition("ready")
    strategy.host.check()
    assert strategy.recoveries == []


def test_the_console_is_in_the_hosts_log_and_the_password_is_not(lab: Lab) -> None:
    lab.ready()
    lab.close()
    said = lab.log.read_text()
    assert "< hypervisor host ready" in said
    assert "# SSH: board@127.0.0.1:" in said
    assert "> loopback" not in said


def test_the_password_is_not_in_the_steps_that_labgrid_logs_and_keeps_the_pace_of_the_line(lab: Lab) -> None:
    lab.set("SerialDriver", txdelay=0.05)
    shown: list[str] = []
    steps.subscribe(note := lambda event: shown.append(str(event)))
    try:
        lab.ready()
    finally:
        steps.unsubscribe(note)
    assert [text for text in shown if "root" in text]
    assert not [text for text in shown if "loopback\\n" in text]
    lab.close()
    said = [line.split(maxsplit=2) for line in lab.log.read_text().splitlines()]
    at = next(number for number, words in enumerate(said) if words[-1] == "(a secret)")
    prompt = next(words for words in said[at:] if words[1:] == ["<", "# "])
    assert float(prompt[0]) - float(said[at][0]) > 0.05 * len("loopback")


def _no_file(lab: Lab) -> None:
    lab.set("ShmemQnxHostDriver", known_hosts="nowhere")


def _folder_for_file(lab: Lab) -> None:
    lab.known_hosts.mkdir()


def _damaged_line(lab: Lab) -> None:
    lab.known_hosts.write_text(f"# mine\n[127.0.0.1]:{lab.board.port} ssh-ed25519 AAA\n")


def _short_line(lab: Lab) -> None:
    lab.known_hosts.write_text(f"[127.0.0.1]:{lab.board.port} ssh-ed25519\n")


def _damaged_key_on_the_console(lab: Lab) -> None:
    lab.set("ShmemQnxHostDriver", host_key="console", known_hosts="")
    lab.set("ShmemBoardStrategy", host_key_command="echo ssh-ed25519 AAAA")


def _no_address(lab: Lab) -> None:
    lab.network["address"] = ""


def _long_command(lab: Lab) -> None:
    lab.set("ShmemBoardStrategy", address_command="ifconfig " + "x" * 230)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_no_file, "no file of known hosts"),
        (_folder_for_file, "cannot be read"),
        (_damaged_line, "line 2 of the file of known hosts .*known_hosts is damaged"),
        (_short_line, "line 1 of the file of known hosts .*known_hosts is damaged"),
        (_damaged_key_on_the_console, "a host key that was shown on the serial console is damaged"),
        (_no_address, "the address of board is not known"),
        (_long_command, "at most 210 bytes"),
    ],
)
def test_a_mistake_in_the_target_file_ends_at_once_without_a_power_cycle(
    lab: Lab, spoil: Callable[[Lab], None], said: str
) -> None:
    spoil(lab)
    strategy = lab.open()
    with within(10, f"mistake in the target file ({spoil.__name__}): error"), pytest.raises(StrategyError) as error:
        strategy.transition("ready")
    assert re.search(said, _reason(error))
    assert strategy.recoveries == []


def test_a_board_that_hangs_in_its_boot_is_power_cycled_and_the_reason_is_kept(lab: Lab) -> None:
    lab.set("ShmemBoardStrategy", boot_seconds=8.0)
    command_board(lab.folder, "behave", hanging_boots=2)
    strategy = lab.open()
    with within(32, "host hangs in its boot twice: recovered by power cycle"):
        strategy.transition("ready")
    assert len(strategy.recoveries) == 2
    cycles = [action for action in lab.actions if action.what == "power cycle"]
    assert [action.bench for action in cycles] == ["board", "board"]
    assert "'hypervisor host ready' did not appear" in cycles[0].detail
    assert "power cycle 2, because" in lab.log.read_text()


def test_a_board_that_never_boots_is_given_up_after_the_power_cycles_it_may_have(lab: Lab) -> None:
    lab.set("ShmemBoardStrategy", boot_seconds=1.0, power_cycles=1)
    command_board(lab.folder, "behave", hanging_boots=9)
    strategy = lab.open()
    with within(15, "host never boots: error after one power cycle"), pytest.raises(StrategyError) as error:
        strategy.transition("ready")
    assert len(strategy.recoveries) == 1
    assert "did not appear on its console within 1 s" in _reason(error)


def test_a_serial_port_that_is_not_there_is_named(lab: Lab) -> None:
    lab.data["resources"]["RawSerialPort"]["port"] = "/dev/nowhere"
    lab.set("ShmemBoardStrategy", power_cycles=0)
    with pytest.raises(StrategyError) as error:
        lab.open().transition("booting")
    assert "the serial port /dev/nowhere of its console cannot be opened: No such file" in _reason(error)


def test_the_time_for_the_boot_is_for_all_its_messages_together(lab: Lab, tmp_path: Path) -> None:
    """A board that is never long silent, and never done."""
    controller, terminal = os.openpty()
    tty.setraw(terminal)
    switched = tmp_path / "switched"
    lab.data["resources"]["RawSerialPort"]["port"] = os.ttyname(terminal)
    lab.set("ExternalPowerDriver", cmd_on=f"touch {switched}", cmd_off="true")
    lab.set("ShmemBoardStrategy", boot=["one", "two", "three", "four"], boot_seconds=1.5, power_cycles=0)
    board = threading.Thread(target=_boot_slowly, args=(controller, switched), daemon=True)
    board.start()
    with pytest.raises(StrategyError) as error:
        lab.open().transition("booting")
    # The fourth at the latest: they take longer than that together, on a slow machine all the more.
    assert re.search(r"the boot message '\w+' did not appear on its console within 1\.5 s", _reason(error))
    lab.close()
    board.join(programs.PATIENCE)
    os.close(controller)
    os.close(terminal)


def _boot_slowly(controller: int, switched: Path) -> None:
    while not switched.exists():
        time.sleep(0.01)
    for word in ("one", "two", "three", "four"):
        os.write(controller, f"{word}\n".encode())
        time.sleep(0.6)


def test_the_board_recovers_after_it_was_forced_off(lab: Lab) -> None:
    lab.set("ShmemBoardStrategy", boot_seconds=8.0, power_cycles=0)
    command_board(lab.folder, "behave", hanging_boots=1)
    strategy = lab.open()
    for _ in range(2):
        with pytest.raises(StrategyError):
            strategy.transition("ready")
    strategy.force("off")
    strategy.transition("ready")
    strategy.host.check()


@pytest.mark.parametrize("driver", ["user", "password"])
def test_a_wrong_login_on_the_console_ends_at_once_without_a_power_cycle(lab: Lab, driver: str) -> None:
    lab.set("ShmemBoardStrategy", **{"password": "wrong"} if driver == "password" else {"username": "nobody"})
    strategy = lab.open()
    with within(15, f"wrong {driver} on the console: error"), pytest.raises(StrategyError) as error:
        strategy.transition("ready")
    assert "rejected the login of" in _reason(error)
    assert "Login incorrect" in _reason(error)
    assert strategy.recoveries == []


def test_a_wrong_host_key_ends_at_once_without_a_power_cycle(lab: Lab) -> None:
    other = "AAAAC3NzaC1lZDI1NTE5AAAAIDFJhjQ7ZXlV9145i7ehmw+zaD4+dGo3uTsTQvPTvoUN"
    lab.known_hosts.write_text(f"[127.0.0.1]:{lab.board.port} ssh-ed25519 {other}\n")
    strategy = lab.open()
    with within(10, "wrong host key of a board: error"), pytest.raises(StrategyError) as error:
        strategy.transition("ready")
    assert "another host key than the known one" in _reason(error)
    assert strategy.recoveries == []


def test_the_key_may_be_read_from_the_console_of_a_board_that_was_installed_anew(lab: Lab) -> None:
    lab.set("ShmemQnxHostDriver", host_key="console", known_hosts="")
    lab.ready()
    assert "as shown on the serial console" in lab.log.read_text()


def test_the_address_may_be_found_on_the_console(lab: Lab) -> None:
    lab.network["address"] = ""
    # One that is the host's own is taken only when no other has come.
    command = "echo vtnet0: inet 127.0.0.1 netmask 0xff000000"
    lab.set("ShmemBoardStrategy", address_command=command, address_seconds=1.0)
    lab.ready().check()


@pytest.mark.parametrize(
    "before", ["echo lo0: inet 127.0.0.1", "! echo no such interface"], ids=["loopback", "failing"]
)
def test_an_address_that_comes_late_is_waited_for(lab: Lab, before: str) -> None:
    """As ``ifconfig`` of a host that logs in before DHCP has answered: of 192.0.2.0/24 nobody is there, so the error
    names the address that was taken."""
    sign = lab.home / "lease"
    command = f"if [ -e {sign} ]; then echo lo0: inet 127.0.0.1; echo en0: inet 192.0.2.9; else {before}; fi"
    lab.set("ShmemBoardStrategy", address_command=command, ssh_seconds=0.3, power_cycles=0)
    strategy = lab.open()
    strategy.transition("booting")
    threading.Timer(2.0, sign.touch).start()
    with within(20, "address that comes late: taken"), pytest.raises(StrategyError) as error:
        strategy.transition("ready")
    assert "board@192.0.2.9:" in _reason(error)


def test_a_board_without_ssh_is_shown_with_its_console(lab: Lab) -> None:
    lab.network["port"] = 1
    lab.set("ShmemQnxHostDriver", host_key="unchecked")
    lab.set("ShmemBoardStrategy", ssh_seconds=3.0, power_cycles=0)
    strategy = lab.open()
    with pytest.raises(StrategyError) as error:
        strategy.transition("ready")
    assert "Connection refused; tried for 3 s; last lines of its console:\n" in _reason(error)
    assert "| hypervisor host ready" in _reason(error)


def test_an_answer_without_an_address_is_shown(lab: Lab) -> None:
    lab.set("ShmemBoardStrategy", address_command="echo no carrier", address_seconds=4.0, power_cycles=0)
    strategy = lab.open()
    with pytest.raises(StrategyError) as error:
        strategy.transition("ready")
    assert "shows no network address within 4 s:\nno carrier" in _reason(error)


def test_a_power_switch_that_fails_is_shown_with_its_own_words(lab: Lab) -> None:
    lab.set("ExternalPowerDriver", cmd_off="sh -c 'echo fuse blown; exit 1'")
    strategy = lab.open()
    with within(10, "power switch fails: error"), pytest.raises(StrategyError) as error:
        strategy.transition("booting")
    assert "the power switch" in _reason(error)
    assert "fuse blown" in _reason(error)
    lab.set("ExternalPowerDriver", cmd_off=f"{lab.folder}/switch off")
    lab.target = None


def test_a_power_switch_that_hangs_is_ended_and_named(lab: Lab) -> None:
    lab.set("ExternalPowerDriver", cmd_on=f"sh -c 'sleep {LONG}; true'")
    lab.set("ShmemBoardStrategy", power_seconds=8.0, power_cycles=0)
    strategy = lab.open()
    with within(30, "power switch hangs: error"), pytest.raises(StrategyError) as error:
        strategy.transition("booting")
    assert re.search(rf"board: the power switch \(.*\) did not end within 8 s; killed: .*sleep {LONG}", _reason(error))
    commands = programs.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert f"sleep {LONG}" not in commands


def test_a_console_that_another_run_has_is_left_to_it_and_the_power_too(lab: Lab) -> None:
    command_board(lab.folder, "on")
    with serial.Serial(os.path.realpath(lab.folder / "serial"), exclusive=True):
        strategy = lab.open()
        with within(5, "console in use by another run: error"), pytest.raises(StrategyError) as error:
            strategy.transition("booting")
        strategy.force("off")
        assert "is in use by another run" in _reason(error)
        assert strategy.recoveries == []
    del lab.data["drivers"]["ExternalPowerDriver"]
    lab.ready().check()


def test_a_console_is_open_for_one_run_alone(lab: Lab) -> None:
    lab.open().transition("shell")
    with pytest.raises(serial.SerialException, match="exclusively lock"):
        serial.Serial(os.path.realpath(lab.folder / "serial"), exclusive=True)


def test_a_board_without_a_power_switch_is_taken_as_it_is(lab: Lab) -> None:
    command_board(lab.folder, "on")
    del lab.data["drivers"]["ExternalPowerDriver"]
    host = lab.ready()
    host.check()
    lab.close()
    assert "> (a secret)" in lab.log.read_text()


def test_a_board_without_a_console_goes_from_power_to_ssh(lab: Lab) -> None:
    del lab.data["drivers"]["SerialDriver"]
    lab.ready().check()


def test_a_shell_that_somebody_left_open_is_used(lab: Lab) -> None:
    command_board(lab.folder, "on")
    del lab.data["drivers"]["ExternalPowerDriver"]
    lab.ready()
    lab.close()
    lab.set("ShmemBoardStrategy", password="forgotten meanwhile")
    lab.ready().check()


def test_a_host_that_reboots_by_itself_is_brought_up_again(lab: Lab) -> None:
    strategy = lab.open()
    strategy.transition("ready")
    guest = lab.start_guest(strategy.host)
    guest.wait_console(programs.PATIENCE)
    with within(10, "host reboots while a guest runs: error"):
        command_board(lab.folder, "reset")
        with pytest.raises(BenchError, match="connection was lost"):
            guest.wait_end(programs.PATIENCE)
    strategy.force("off")
    with within(20, "host rebooted: up again"):
        strategy.transition("ready")
    lab.start_guest(strategy.host).wait_console(programs.PATIENCE)
