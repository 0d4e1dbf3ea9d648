# SPDX-License-Identifier: Apache-2.0
"""Probe guests for the tests: one per kind of machine, shared by all tests that leave it as it was."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from harness.arch import ARCHES, Arch
from harness.guest.probe import Probe
from tests.probe.machine import MACHINES, Machine, running
from tests.probe.pair import Pair, running_pair


@pytest.fixture(scope="session")
def machines() -> Iterator[Callable[[str], Machine]]:
    """The running machine of a name, started when it is first asked for."""
    with contextlib.ExitStack() as stack:
        started: dict[str, Machine] = {}

        def get(name: str) -> Machine:
            if name not in started:
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


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Arch], Pair]]:
    """The pair of guests of an architecture, started when it is first asked for."""
    with contextlib.ExitStack() as stack:
        started: dict[Arch, Pair] = {}

        def get(arch: Arch) -> Pair:
            if arch not in started:
                started[arch] = stack.enter_context(running_pair(arch, tmp_path_factory.mktemp(arch)))
            return started[arch]

        yield get


@pytest.fixture(params=ARCHES)
def pair(request: pytest.FixtureRequest, pairs: Callable[[Arch], Pair]) -> Iterator[Pair]:
    """Two guests with nothing attached, before and after the test."""
    pair = pairs(request.param)
    yield pair
    for probe in (pair.one, pair.two):
        for handle in probe.handles():
            probe.detach(handle.handle)
