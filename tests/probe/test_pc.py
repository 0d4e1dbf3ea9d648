# SPDX-License-Identifier: Apache-2.0
"""The x86-64 image on PCs of several kinds: who starts it, the RAM it is told of, its clock, how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.guest.probe import Probe, ProbeError
from harness.provision import probe_image
from tests import programs
from tests.probe.machine import Machine, booted, loader_image

_MIB = 1 << 20
_Q35 = ("-machine", "q35", "-vga", "none")
_MARKS = {
    "multiboot": bytes.fromhex("02b0ad1b 02000100"),
    "PVH": b"\x12\0\0\0Xen\0",
}
"""What a loader of a kind looks for in the image: the beginning of the header, type and owner of the note."""

_MACHINES = {
    "q35": _Q35,
    "pc": ("-machine", "pc", "-vga", "none"),
    "microvm": ("-machine", "microvm"),
}

_CLOCKS = {
    "no PIT": ("q35,pit=off", "ACPI timer"),
    "no HPET": ("q35,hpet=off", "ACPI timer"),
    "ACPI timer alone": ("q35,pit=off,hpet=off", "ACPI timer"),
    "no ACPI": ("pc,acpi=off", "HPET"),
    "PIT alone": ("microvm,acpi=off,rtc=off", "PIT"),
    "RTC alone": ("microvm,acpi=off,pit=off,rtc=on", "RTC"),
}
"""QEMU's machine, and by what its guest should tell the time. No processor of QEMU's own tells a rate by CPUID."""

_NOTHING = ("-machine", "microvm,acpi=off,pit=off,rtc=off")


def _only_for(loader: str, tmp_path: Path) -> Path:
    """The image without what the other kind of loader looks for."""
    (other,) = _MARKS.keys() - {loader}
    content = probe_image("x86_64").read_bytes()
    assert content.count(_MARKS[other]) == 1
    image = tmp_path / "probe.elf"
    image.write_bytes(content.replace(_MARKS[other], bytes(len(_MARKS[other]))))
    return image


@pytest.mark.parametrize("name", _MACHINES)
@pytest.mark.parametrize("loader", _MARKS)
def test_either_way_of_starting_is_enough(tmp_path: Path, name: str, loader: str) -> None:
    with booted("x86_64", _MACHINES[name], _only_for(loader, tmp_path)) as machine:
        assert Probe(machine.transport).identify().loader == loader


@pytest.mark.parametrize("memory", [64, 300, 5 * 1024])
@pytest.mark.parametrize("loader", _MARKS)
def test_the_ram_is_that_of_the_machine(tmp_path: Path, memory: int, loader: str) -> None:
    with booted("x86_64", _Q35, _only_for(loader, tmp_path), memory=memory) as machine:
        ram = Probe(machine.transport).identify().ram
    # A PC keeps some of it below and at 1 MiB and at the top for itself.
    assert memory * _MIB - _MIB < sum(part.size for part in ram) <= memory * _MIB


@pytest.mark.parametrize("mode", ["protected", "long"])
def test_a_loader_that_tells_nothing_is_told(mode: str) -> None:
    module = ("-initrd", str(probe_image("x86_64")), "-append", mode)
    with booted("x86_64", (*_Q35, *module), loader_image("elf_loader", "x86_64"), memory=256) as machine:
        probe = Probe(machine.transport)
        identity = probe.identify()
        assert "started by an unknown loader" in machine.transport.line("probe: ")
        assert identity.loader == "unknown"
        (ram,) = identity.ram
        assert (ram.address, ram.size % 4096) == (0x100000, 0)
        assert ram.size < 4 * _MIB
        with pytest.raises(ProbeError) as caught:
            probe.bench("read", "private", 4096, 1 << 20, span=64 << 10)
        assert caught.value.kind == "limit"


@pytest.fixture(scope="module")
def rate() -> int:
    """The rate of the time-stamp counter of a guest here, on a machine where several sources agree about it."""
    with programs.kept(), booted("x86_64", _Q35, probe_image("x86_64")) as machine:
        return Probe(machine.transport).identify().clock_hz


@pytest.mark.parametrize("what", _CLOCKS)
def test_the_clock_is_calibrated_by_what_there_is(rate: int, what: str) -> None:
    machine, source = _CLOCKS[what]
    with booted("x86_64", ("-machine", machine, "-vga", "none"), probe_image("x86_64")) as running:
        identity = Probe(running.transport).identify(timeout=programs.PATIENCE)
    assert identity.clock == source
    assert abs(identity.clock_hz - rate) <= rate * 0.05


def test_a_machine_without_a_clock_has_no_time() -> None:
    with booted("x86_64", _NOTHING, probe_image("x86_64")) as machine:
        probe = Probe(machine.transport)
        identity = probe.identify(timeout=programs.PATIENCE)
        assert identity.clock_hz == 0
        assert identity.clock
        for command in ("timed phys 0x100000 4 10", "bench read private 64 4096"):
            with pytest.raises(ProbeError, match="no clock: none of CPUID, ACPI timer, HPET, PIT and RTC") as caught:
                probe.command(command)
            assert caught.value.kind == "state"


def _ask(machine: Machine, command: str) -> None:
    probe = Probe(machine.transport)
    probe.identify()
    assert probe.command(command) == {}


@pytest.mark.parametrize("machine", ["pc", "pc,acpi=off", "q35,i8042=off", "microvm"])
@pytest.mark.parametrize("what", ["poweroff", "reboot"])
def test_it_ends_by_what_there_is(machine: str, what: str) -> None:
    with booted("x86_64", ("-machine", machine, "-vga", "none"), probe_image("x86_64")) as running:
        _ask(running, what)
        assert running.process.wait(programs.PATIENCE) == 0


@pytest.mark.parametrize(("what", "words"), [("poweroff", "switches the power off"), ("reboot", "resets the machine")])
def test_a_machine_that_nothing_ends_is_halted_with_words(what: str, words: str) -> None:
    with booted("x86_64", _NOTHING, probe_image("x86_64")) as machine:
        _ask(machine, what)
        assert machine.transport.line(f"probe: nothing here {words}", programs.PATIENCE).endswith(": halted")
        assert machine.process.poll() is None
