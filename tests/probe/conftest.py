# SPDX-License-Identifier: Apache-2.0
"""Probe guests for the tests: one per kind of machine, shared by all tests that leave it as it was."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from harness.arch import ARCHES, Arch
from harness.guest.probe import Probe
from tests import programs
from tests.probe.machine import MACHINES, Machine, running
from tests.probe.pair import Pair, Placement, running_pair


@pytest.fixture(scope="session")
def machines() -> Iterator[Callable[[str], Machine]]:
    """The running machine of a name, started when it is first asked for."""
    with contextlib.ExitStack() as stack:
        started: dict[str, Machine] = {}

        def get(name: str) -> Machine:
            if name not in started:
                with programs.kept():
                    started[name] = stack.enter_context(running(name))
            return started[name]

        yield get


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest, machines: Callable[[str], Machine]) -> Machine:
    """A machine that other tests use too."""
    return machines(request.param)


@pytest.fixture
def probe(machine: Machine) -> Probe:
    """A client of the probe in `machine`."""
    return Probe(machine.transport)


Pairs = Callable[[Arch, Placement], Pair]


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pairs]:
    """The pair of guests of an architecture and a placement, started when it is first asked for."""
    with contextlib.ExitStack() as stack:
        started: dict[tuple[Arch, Placement], Pair] = {}

        def get(arch: Arch, placement: Placement) -> Pair:
            if (arch, placement) not in started:
                folder = tmp_path_factory.mktemp(f"{arch}-{placement}")
                with programs.kept():
                    started[arch, placement] = stack.enter_context(running_pair(arch, placement, folder))
            return started[arch, placement]

        yield get


@contextlib.contextmanager
def _tidied(pair: Pair) -> Iterator[Pair]:
    """The pair for one test, after which nothing is attached and no interrupt is listened to."""
    yield pair
    for probe in (pair.one, pair.two):
        probe.irq_off()
        for handle in probe.handles():
            probe.detach(handle.handle)


@pytest.fixture(params=ARCHES)
def pair(request: pytest.FixtureRequest, pairs: Pairs) -> Iterator[Pair]:
    """Two guests with the device on PCI and with nothing attached."""
    with _tidied(pairs(request.param, "pci")) as pair:
        yield pair


@pytest.fixture(params=[(arch, placement) for arch in ARCHES for placement in ("pci", "mmio")], ids="-".join)
def placed_pair(request: pytest.FixtureRequest, pairs: Pairs) -> Iterator[Pair]:
    """Two guests with the device in either place and with nothing attached."""
    with _tidied(pairs(*request.param)) as pair:
        yield pair
