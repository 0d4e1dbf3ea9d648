# SPDX-License-Identifier: Apache-2.0
"""What could keep the host from its other guests: they lose their devices when it stands still for 5 s."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from harness import provision
from harness.emulator.faults.injection import Injection
from harness.emulator.service.control import Service
from harness.emulator.service.host import Host
from harness.emulator.service.protocol import connect
from harness.emulator.window import Mapper, NoAnswer, Window
from harness.shmem.profile import PROFILES
from tests import programs


@pytest.mark.parametrize("suspended", [True, False])
def test_a_qemu_that_does_not_answer_inside_an_attach_is_not_waited_for(suspended: bool) -> None:
    """The whole host stands still meanwhile, and other QEMUs give their devices up after 5 s."""
    mapper = Mapper()
    window = Window(mapper)
    child = os.dup(mapper.child.fileno())
    with programs.Program(["sleep", "600"], pass_fds=[child]) as qemu:
        mapper.started(qemu.pid)
        if suspended:
            os.kill(qemu.pid, signal.SIGSTOP)
            programs.until(lambda: _state(qemu.pid) == "T", "it goes on")
        began = time.monotonic()
        with pytest.raises(NoAnswer, match="it is suspended" if suspended else "timed out"):
            window.show(0, window.banks[0].fd, 1)
        assert time.monotonic() - began < 5.0
        qemu.kill()
        qemu.wait(60)
    os.close(child)
    window.close()
    mapper.close()


def test_a_qemu_without_a_thread_for_its_window_ends() -> None:
    """The host would wait for it at each attach."""

    def no_room_for_a_stack() -> None:
        resource.setrlimit(resource.RLIMIT_STACK, (64 << 30, resource.RLIM_INFINITY))
        resource.setrlimit(resource.RLIMIT_AS, (16 << 30, resource.RLIM_INFINITY))

    mapper = Mapper()
    with programs.Program(
        ["sleep", "600"],
        env={**os.environ, **mapper.environment(), "LD_PRELOAD": str(provision.window_library())},
        pass_fds=[mapper.child.fileno()],
        stderr=subprocess.PIPE,
        preexec_fn=no_room_for_a_stack,
        text=True,
    ) as qemu:
        said = qemu.communicate(timeout=programs.PATIENCE)[1]
    assert (qemu.returncode, said) == (1, "window: cannot start a thread: Resource temporarily unavailable\n")
    mapper.close()


def _state(process: int) -> str:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]


def test_requests_that_come_together_leave_the_host_its_turns(tmp_path: Path) -> None:
    """Guests want answers in between."""
    count = 200

    async def run() -> int:
        turns = 0

        async def take_turns() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        host, path = Host(tmp_path, PROFILES["7.0"]), tmp_path / "control"
        service = Service(host, Injection(), asyncio.Event(), linger=False)
        with socket.socket(socket.AF_UNIX) as client:
            await service.listen(path)
            connect(client, path)
            client.setblocking(False)
            client.sendall(b'{"op": "guests"}\n' * count)
            counting = asyncio.create_task(take_turns())
            answers = b""
            async with asyncio.timeout(60):
                while answers.count(b"\n") < count:
                    answers += await asyncio.get_running_loop().sock_recv(client, 1 << 16)
            counting.cancel()
            await service.close()
            await host.close()
        return turns

    assert asyncio.run(run()) >= count
