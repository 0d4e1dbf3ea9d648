# SPDX-License-Identifier: Apache-2.0
"""Ends of a guest whose QEMU does not take part: suspended, or crashed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from pathlib import Path

from harness.emulator.machine.guest import Exit, Guest, Streams
from harness.emulator.service.host import Host
from harness.shmem.profile import PROFILES
from tests import programs
from tests.emulator.conftest import Bench, configuration


def _pc(bench: Bench) -> tuple[subprocess.Popen[str], int]:
    """The qvm of a PC guest that ignores its power button, and the process number of its QEMU."""
    process, _ = bench.guest(configuration("x86_64"))
    (guest,) = bench.client.guests()
    assert guest.pid is not None
    return process, guest.pid


def test_a_power_button_that_a_suspended_qemu_does_not_take_makes_nobody_deaf(bench: Bench) -> None:
    process, qemu = _pc(bench)
    os.kill(qemu, signal.SIGSTOP)
    bench.client.stop_guest("one", "power-button")
    process.send_signal(signal.SIGTERM)
    assert process.wait(programs.PATIENCE) == 0
    bench.client.wait_end("one", programs.PATIENCE)


def test_a_guest_whose_qvm_ends_after_a_button_that_nobody_took_ends_with_it(bench: Bench) -> None:
    process, qemu = _pc(bench)
    os.kill(qemu, signal.SIGSTOP)
    bench.client.stop_guest("one", "power-button")
    process.kill()
    bench.client.wait_end("one", programs.PATIENCE)


def test_a_crash_after_an_ignored_power_button_is_a_crash(bench: Bench) -> None:
    process, qemu = _pc(bench)
    bench.client.stop_guest("one", "power-button")
    os.kill(qemu, signal.SIGSEGV)
    assert (process.wait(programs.PATIENCE), "QEMU ended" in process.communicate()[1]) == (96, True)


def test_a_cut_while_the_last_words_are_read_changes_nothing(tmp_path: Path) -> None:
    """Nobody reads them, so the host waits a moment; the number of the process may be another one's meanwhile."""
    path = tmp_path / "guest.qvmconf"
    path.write_text(configuration())

    async def end() -> Exit:
        host = Host(tmp_path, PROFILES["7.0"])
        guest = await host.start_guest([f"@{path}"], tmp_path, Streams(0, 1))
        assert isinstance(guest, Guest)
        ending = asyncio.create_task(host.end_of(guest))
        terminal = os.open(guest.console_paths[0], os.O_WRONLY | os.O_NOCTTY)
        while guest.pid is not None:
            assert not ending.done(), "the process number was told until the end"
            os.write(terminal, b"poweroff\r")
            await asyncio.sleep(0.02)
        await guest.stop("power-cut")
        os.close(terminal)
        return await ending

    assert asyncio.run(end()) == Exit(0)
