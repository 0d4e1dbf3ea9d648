# SPDX-License-Identifier: Apache-2.0
"""A driver in the kernel, written as for the real device (targets/images/driver), is one that the device suits.

It finds the device by PCI id or by the device tree, maps the region write-back, requests a shared level, and disowns an
interrupt when ``status`` has neither a pending bit nor another set of members. Linux on x86 has no device tree, so a
memory-mapped device there is found by no driver.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from harness.arch import Arch
from harness.bench.trial import BOOT_SECONDS, Trial, TrialGuest, trial
from harness.provision.linux.driver import IMAGE_RECIPE, has_headers, linux_driver
from harness.provision.linux.image import linux_image
from tests import programs

MESSAGES: Final = 1000
FEW: Final = 50
SECONDS: Final = programs.PATIENCE
_DRIVERS: Final = "/sys/bus/*/drivers/guest_shm"

State = dict[str, int]


@dataclass(frozen=True)
class Placement:
    """Where the device is: the line of the configuration, and the architecture that has it."""

    arch: Arch
    shmem: str


PLACEMENTS: Final = (
    pytest.param(Placement("x86_64", "vdev shmem allow talk"), id="x86_64-pci"),
    pytest.param(Placement("aarch64", "vdev shmem allow talk"), id="aarch64-pci"),
    pytest.param(Placement("aarch64", "vdev shmem loc 0x1c050000 intr gic:43 allow talk"), id="aarch64-mmio"),
)


class Driver:
    """The module in one guest."""

    def __init__(self, guest: TrialGuest) -> None:
        guest.console.log_in(BOOT_SECONDS)
        self._run = guest.console.run

    def load(self, region: str) -> None:
        """It attaches to the region."""
        assert self._run(f"modprobe guest_shm region={region}") == ([], 0)

    def unload(self) -> None:
        """It leaves the region."""
        assert self._run("rmmod guest_shm") == ([], 0)

    def drives(self) -> bool:
        """Whether there is a device that it has taken."""
        return self._run(f"ls {_DRIVERS}/*/state")[1] == 0

    def state(self) -> State:
        """What it has counted, and who is there."""
        lines, status = self._run(f"cat {_DRIVERS}/*/state")
        assert status == 0, lines
        return {name: int(value, 0) for name, value in (line.split() for line in lines)}

    def until(self, reached: Callable[[State], bool]) -> State:
        """The state when it is as it shall be, which may take the guest a moment."""
        end = time.monotonic() + SECONDS
        while not reached(state := self.state()):
            assert time.monotonic() < end, state
        return state

    def serve(self, count: int) -> None:
        """Answer so many messages."""
        assert self._run(f"echo {count} > $(echo {_DRIVERS}/*/serve)") == ([], 0)

    def ask(self, peer: int, count: int) -> list[str]:
        """Send so many messages, each after the answer to the one before; what the shell says if that fails."""
        lines, status = self._run(f"echo {peer} {count} > $(echo {_DRIVERS}/*/ask)", timeout=60)
        assert bool(lines) == bool(status)
        return lines

    def interrupts(self) -> int:
        """How many of its line the kernel has counted."""
        (line,), _ = self._run("grep guest_shm /proc/interrupts")
        return int(line.split()[1])

    def messages_of_the_kernel(self) -> str:
        """The last ones."""
        return "\n".join(self._run("dmesg | tail -n 5")[0])


@pytest.fixture(params=PLACEMENTS)
def placement(request: pytest.FixtureRequest) -> Placement:
    found: Placement = request.param
    if not has_headers(found.arch):
        pytest.skip("it is not known which packages of this distribution hold the kernel's headers")
    return found


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Trial]:
    with trial(tmp_path) as running:
        yield running


def check_interrupts(driver: Driver, peer: State, *, changes: int) -> State:
    """As many interrupts were taken for its own as the status word has changed, and every message has come."""
    state = driver.state()
    assert (state["signals"], state["wrong"], state["changes"]) == (peer["sent"], 0, changes)
    assert state["owned"] == state["signals"] + state["changes"]
    assert state["taken"] == state["owned"] + state["disowned"] == driver.interrupts()
    # A level is told again while nobody has looked at it; one that comes as somebody does is disowned. On x86 a slow
    # machine has a few of them; a line that nobody takes back would have one for each message, or thousands.
    assert state["disowned"] <= MESSAGES // 10
    return state


def test_a_thousand_messages_by_interrupt(
    placement: Placement, bench: Trial, record_property: Callable[[str, object], None]
) -> None:
    image = linux_image(placement.arch, linux_driver(placement.arch).path / IMAGE_RECIPE)
    asking, serving = map(Driver, [bench.start(image, name, placement.shmem) for name in ("asking", "serving")])
    asking.load("talk")
    serving.load("talk")
    assert asking.until(lambda state: state["members"] == 0b11)["index"] == 0
    assert serving.state()["index"] == 1

    serving.serve(MESSAGES)
    assert asking.ask(1, MESSAGES) == []
    ends = check_interrupts(asking, serving.state(), changes=1), check_interrupts(serving, asking.state(), changes=0)
    assert [state["sent"] for state in ends] == [MESSAGES, MESSAGES]
    for name, state in zip(("asking", "serving"), ends, strict=True):
        record_property(f"interrupts of the guest {name}", f"{state['taken']}, {state['disowned']} of them disowned")

    # It detaches when it is removed, and can come again.
    serving.unload()
    assert asking.until(lambda state: state["members"] == 0b01)["changes"] == 2
    assert "not connected" in " ".join(asking.ask(1, 1))
    serving.load("talk")
    asking.until(lambda state: state["members"] == 0b11)
    serving.serve(FEW)
    assert asking.ask(1, FEW) == []
    assert serving.state()["signals"] == FEW
    assert check_interrupts(asking, {"sent": MESSAGES + FEW}, changes=3)["wrong"] == 0

    # What the rules refuse, the driver does not get.
    serving.unload()
    serving.load("other")
    assert not serving.drives()
    assert "cannot attach to other: status 5" in serving.messages_of_the_kernel()
