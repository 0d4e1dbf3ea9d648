# SPDX-License-Identifier: Apache-2.0
"""The guests of a start, asked once for all their names; every test of the start judges a part of what came of it."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary

import pytest

from fixtures.bench import Bench, Share
from fixtures.configuration import shmem
from fixtures.deployment import Deploy
from fixtures.guest import Guest
from fixtures.settings import Setting
from harness.shmem.oracle import can_start
from suites.names.inquiry import Inquiry, Results
from suites.names.lists import ALIKE, Start, listed

DEVICES = 6
"""Devices of a guest on PCI; in memory it has as many as the bench has places."""

NOTHING_STARTS = "no guest with one of these lists starts: the profile of the bench rejects them all"


_ASKED: WeakKeyDictionary[Guest, Results] = WeakKeyDictionary()
"""What came of the names that the guests of a peer were asked for."""
_FIGURES = pytest.StashKey[dict[Setting, Results]]()


@pytest.fixture
def ask(
    deploy: Deploy, bench: Bench, setting: Setting, share: Share, pytestconfig: pytest.Config
) -> Callable[[Start], Results]:
    """Start the guests of a start and ask for all names, unless these very guests have been asked before."""
    most = len(bench.config.mmio) if setting.placement == "mmio" else DEVICES
    figures = pytestconfig.stash.setdefault(_FIGURES, {}).setdefault(setting, Results())

    def asked(start: Start) -> Results:
        lists = share.of(listed(start, None)) if start in ALIKE else listed(start, bench.config.architecture)
        usable = [each for each in lists if can_start(shmem(each.options).vdev, bench.profile)]
        if not usable:
            pytest.skip(NOTHING_STARTS)
        groups = [usable[first : first + most] for first in range(0, len(usable), most)]
        *guests, peer = deploy(*(tuple(each.options for each in group) for group in groups), "")
        if peer not in _ASKED:
            results = Results()
            for guest, group in zip(guests, groups, strict=True):
                for number, each in enumerate(group):
                    Inquiry(guest, number, peer, each, bench.profile, results).ask_all()
            figures.verdicts += results.verdicts
            figures.ns += results.ns
            _ASKED[peer] = results
        return _ASKED[peer]

    return asked


@pytest.fixture
def figures(setting: Setting, pytestconfig: pytest.Config) -> Results:
    """The figures of this setting so far."""
    return pytestconfig.stash.setdefault(_FIGURES, {}).setdefault(setting, Results())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how fast verdicts came, setting by setting."""
    for setting, results in config.stash.get(_FIGURES, {}).items():
        if results.ns:
            rate = results.verdicts * 1e9 / results.ns
            terminalreporter.write_line(
                f"names, {setting.id}: {results.verdicts} verdicts, {rate:.0f} per second of one guest"
            )
