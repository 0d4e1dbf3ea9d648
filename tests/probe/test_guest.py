# SPDX-License-Identifier: Apache-2.0
"""The probe guest on both architectures: it says who it is, survives its own faults and ends when asked."""

from __future__ import annotations

import time

import pytest

from harness.guest.probe import Probe, ProbeError, ProbeFaultError, ProbeTimeoutError
from tests import programs
from tests.probe.machine import Machine, running

# Where nothing is, in each machine: the processor's own translation refuses it.
_NOWHERE = 0x40_0000_0000_00


def test_identify(machine: Machine, probe: Probe) -> None:
    identity = probe.identify()
    assert identity.architecture == machine.architecture
    assert (identity.platform, identity.protocol, identity.devices) == ("bare", 1, 0)
    assert len(identity.build) == 40
    assert 100 << 20 < sum(ram.size for ram in identity.ram) <= 128 << 20
    assert 1_000_000 < identity.clock_hz < 20_000_000_000


def test_the_clock_runs_at_its_rate(probe: Probe) -> None:
    before = time.monotonic()
    timing = probe.timed("phys", _ram(probe), 4, 2000)
    elapsed = time.monotonic() - before
    assert 0 <= timing.min_ns <= timing.median_ns <= timing.p99_ns <= timing.max_ns
    assert timing.mean_ns * timing.count < elapsed * 1e9


def _ram(probe: Probe) -> int:
    """An address in private RAM that nobody uses: near the end of the last range."""
    ram = probe.identify().ram[-1]
    return ram.address + ram.size - 4096


@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_memory_is_read_as_it_was_written(probe: Probe, width: int) -> None:
    address, value = _ram(probe), 0x8877665544332211
    probe.write("phys", address, 8, 0)
    probe.write("phys", address, width, value & (1 << 8 * width) - 1)
    assert probe.read("phys", address, 8) == value & (1 << 8 * width) - 1
    assert probe.read("phys", address, width) == value & (1 << 8 * width) - 1


@pytest.mark.parametrize(
    ("command", "kind", "where"),
    [
        ("frobnicate", "usage", "frobnicate"),
        ("", "usage", ""),
        ("identify please", "usage", "identify"),
        ("read phys", "usage", "read"),
        ("read phys twelve 4", "usage", "twelve"),
        ("read phys 0x10000000000000000 4", "usage", "0x10000000000000000"),
        ("read phys 0x1000 3", "usage", "3"),
        ("read nowhere 0 4", "usage", "nowhere"),
        ("write phys 0x1000 1 0x100", "usage", "0x100"),
        ("select 0", "state", "0"),
        ("attach foo 1", "state", "attach"),
        ("attach f%4 1", "state", "attach"),
        ("detach", "state", "detach"),
        ("fill 0 1 1", "state", "fill"),
        ("use 0", "state", "0"),
        ("on 0 fill 0 1 1", "state", "0"),
        ("bench write private 100 4096 4096", "usage", "100"),
        ("bench write private 64 4096 1g", "limit", "bench"),
        ("scan window", "state", "scan"),
        ("scan phys 0x1000 4096 12", "usage", "12"),
        ("a b c d e f g h i j k l m", "usage", "a"),
        ("x" * 5000, "usage", "x" * 5000),
    ],
)
def test_malformed_commands_are_answered(probe: Probe, command: str, kind: str, where: str) -> None:
    with pytest.raises(ProbeError) as caught:
        probe.command(command)
    assert (caught.value.kind, caught.value.where) == (kind, where)
    assert not isinstance(caught.value, ProbeFaultError)
    assert probe.identify()


@pytest.mark.parametrize("kind", ["read", "write", "jump", "undefined", "stack"])
def test_a_fault_is_answered_and_the_guest_goes_on(probe: Probe, kind: str) -> None:
    for _ in range(2):
        with pytest.raises(ProbeFaultError) as caught:
            probe.crash(kind, _NOWHERE)  # type: ignore[arg-type]
        assert int(caught.value.where, 0)
        if kind in ("read", "write"):
            assert caught.value.address == _NOWHERE
        assert probe.identify()


def test_a_fault_says_what_it_was(probe: Probe) -> None:
    with pytest.raises(ProbeFaultError) as caught:
        probe.crash("undefined")
    assert caught.value.what == "undefined instruction"
    with pytest.raises(ProbeFaultError, match=r"abort: not mapped|page fault: read"):
        probe.crash("read", _NOWHERE)


@pytest.mark.parametrize("work", ["write", "read", "copy"])
def test_private_memory_is_measured(probe: Probe, work: str) -> None:
    result = probe.bench(work, "private", 4096, 1 << 20, span=64 << 10)  # type: ignore[arg-type]
    assert (result.bytes, result.block, result.span) == (1 << 20, 4096, 64 << 10)
    assert result.ns > 0


def test_a_scan_finds_what_is_there(probe: Probe) -> None:
    # A page that no other test writes to.
    address, needle = _ram(probe) - 8 * 4096, 0x1122334455667788
    probe.write("phys", address + 16, 8, needle)
    probe.write("phys", address + 24, 8, (1 << 64) - 1)
    scan = probe.scan_physical(address, 4096, needle=needle)
    assert (scan.words, scan.zero, scan.ones, scan.other, scan.hits, scan.faults) == (512, 510, 1, 1, 1, 0)
    assert [(finding.address, finding.value) for finding in scan.first] == [(address + 16, needle)]


def test_a_scan_goes_on_after_faults(machine: Machine, probe: Probe) -> None:
    if machine.architecture != "aarch64":
        pytest.skip("the bus of a PC answers everywhere")
    # On the virt machine nothing is at 0x0b000000: each page is one fault.
    scan = probe.scan_physical(0x0B000000, 16 * 4096)
    assert (scan.words, scan.faults) == (0, 16)


def test_an_idle_guest_leaves_the_processor_to_others(machine: Machine, probe: Probe) -> None:
    probe.identify()
    machine.transport.drain()
    before = machine.processor_seconds
    machine.transport.drain(silence=0.5)
    assert machine.processor_seconds - before < 0.25


@pytest.mark.parametrize("name", ["aarch64-gicv3", "x86_64-q35"])
def test_the_guest_ends_when_asked(name: str) -> None:
    with running(name) as machine:
        probe = Probe(machine.transport)
        probe.identify()
        print(f"{name}: first answer {1000 * (time.monotonic() - machine.started):.0f} ms after the start of QEMU")
        probe.power_off()
        assert machine.process.wait(programs.PATIENCE) == 0


@pytest.mark.parametrize("name", ["aarch64-gicv3", "x86_64-q35"])
def test_a_guest_starts_anew(name: str) -> None:
    with running(name, reboots=True) as machine:
        probe = Probe(machine.transport)
        before = probe.identify()
        probe.reboot()
        after = probe.identify()
        assert after.boot != before.boot
        assert (after.build, after.ram) == (before.build, before.ram)


@pytest.mark.parametrize("name", ["aarch64-gicv2", "x86_64-q35"])
def test_a_guest_that_hangs_is_named_with_its_last_words(name: str) -> None:
    with running(name) as machine:
        probe = Probe(machine.transport, "guest7")
        probe.identify()
        with pytest.raises(ProbeTimeoutError, match=r"(?s)guest7: no answer to 'crash hang' within 0\.3 s.*@H:0000"):
            probe.crash("hang", timeout=0.3)
