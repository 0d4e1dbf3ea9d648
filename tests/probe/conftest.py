# SPDX-License-Identifier: Apache-2.0
"""Probe guests for the tests: one per kind of machine, shared by all tests that leave it as it was."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest
from machine import MACHINES, Machine, running

from harness.guest.probe import Probe


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
