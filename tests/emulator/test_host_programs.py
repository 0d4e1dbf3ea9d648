# SPDX-License-Identifier: Apache-2.0
"""Host programs as clients: what their connections tell, and when."""

from __future__ import annotations

from pathlib import Path

from tests.emulator.conftest import Bench, configuration


def test_a_pulse_comes_for_each_change_of_the_status_word(bench: Bench) -> None:
    _, one = bench.guest(configuration())
    program = bench.client.create("bell", 1)
    assert program.wait_pulses(0, 0) == 0
    one.probe.attach("bell", 1)
    assert program.wait_pulses(1, 10) == 1
    for _ in range(2):
        one.probe.notify(1 << program.index)
        assert program.status() == 0x0003_0002
    assert program.wait_pulses(3, 10) == 3
    # A signal whose bit is set already changes nothing; the pulse for the detach is the next one.
    one.probe.notify(1 << program.index)
    one.probe.notify(1 << program.index)
    one.probe.detach()
    assert program.wait_pulses(5, 10) == 5
    assert program.wait_pulses(6, 0.05) == 5


def test_the_list_of_guests_has_their_processes(bench: Bench) -> None:
    bench.guest(configuration())
    (guest,) = bench.client.guests()
    assert Path(f"/proc/{guest['pid']}/exe").readlink()
