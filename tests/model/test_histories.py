# SPDX-License-Identifier: Apache-2.0
"""Histories against a host that is wrong on purpose: found, made short, and repeated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from labgrid import Environment

from fixtures.model import History
from harness import shipped
from harness.bench.state import Bench
from harness.replay.histories import Histories
from harness.replay.script import parse
from harness.report.judging.judgements import taken
from harness.target.benches import read_benches

BENCH = "qemu-aarch64"
SEED = 5
STEPS = 60_000
SHRINK_SECONDS = 300.0


@contextmanager
def _bench(folder: Path, fault: str | None, benches: Path = shipped.BENCHES, bench: str = BENCH) -> Iterator[Bench]:
    environment = Environment(str(benches))
    made = Bench(read_benches(environment.config)[bench], environment, folder / "host.log", fault)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize(
    ("fault", "topic"),
    [
        ("leaving-wipes-data", "data"),
        ("signals-leave-with-sender", "signals"),
        ("program-refused-last-page", "data"),
    ],
)
def test_a_history_finds_a_fault_and_is_made_short(tmp_path: Path, fault: str, topic: str) -> None:
    """What is left of it shows the fault again, from its text, and nothing on a host without the fault."""
    with _bench(tmp_path, fault) as bench, bench.host() as host:
        histories = Histories(bench.config, host, "pci", tmp_path)
        failure = histories.run(SEED, STEPS, SHRINK_SECONDS)
        assert failure is not None
        assert failure.difference.topic == topic
        assert len(failure.script.steps) < 25, str(failure.script)
        assert histories.replay(parse(str(failure.script))) is not None
    with _bench(tmp_path, None) as bench, bench.host() as host:
        assert Histories(bench.config, host, "pci", tmp_path).replay(parse(str(failure.script))) is None


def test_guests_that_do_not_find_their_devices_are_a_difference(tmp_path: Path) -> None:
    with _bench(tmp_path, "pci-device-id") as bench, bench.host() as host:
        failure = Histories(bench.config, host, "pci", tmp_path).run(SEED, STEPS, SHRINK_SECONDS)
    assert failure is not None
    assert failure.difference.topic == "registers"
    assert failure.difference.step == "the start of the guests"
    assert "does not find all of its" in failure.difference.seen


def test_a_qvm_that_refuses_what_the_profile_allows_is_a_difference(tmp_path: Path) -> None:
    """Here a host with another reading than the profile has."""
    usual = shipped.BENCHES.read_text().replace(": targets/", f": {shipped.BENCHES.parent}/targets/")
    (tmp_path / "other.yaml").write_text(
        usual.replace('profile: "7.0"', 'profile: "7.0"\n      profile_overrides: {create_vs_rules: obey}')
    )
    config = read_benches(Environment(str(shipped.BENCHES)).config)[BENCH]
    with _bench(tmp_path, None, tmp_path / "other.yaml") as bench, bench.host() as host:
        failure = Histories(config, host, "pci", tmp_path).run(SEED, STEPS, SHRINK_SECONDS)
    assert failure is not None
    assert "qvm refuses the configuration of" in failure.difference.seen
    assert "the rules of this vdev refuse the region that it creates" in failure.difference.seen


def test_a_topic_that_histories_cannot_show_is_not_passed(tmp_path: Path) -> None:
    """A host of 7.0 has no permissions, and one that cannot list its regions shows none."""
    with _bench(tmp_path, None) as bench, bench.host() as host:
        histories = Histories(bench.config, host, "pci", tmp_path)
        assert histories.run(SEED, 3000, SHRINK_SECONDS) is None
    history = History(histories.tally, None, tmp_path / "steps")
    for topic in ("access", "creation", "registers", "members", "signals", "interrupts", "data", "placement"):
        before = taken()
        history.must_agree([topic])
        assert taken() > before, topic
    with pytest.raises(pytest.skip.Exception, match="have shown nothing of permissions"):
        history.must_agree(["permissions"])


def test_a_name_that_stays_is_a_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host shows the paths of virtual machines that have ended."""
    with _bench(tmp_path, None, bench="qemu-aarch64-8.0") as bench, bench.host() as host:
        histories = Histories(bench.config, host, "pci", tmp_path)
        steps = parse("bench qemu-aarch64-8.0\none attach a red 1\ntwo attach b red 1\ntwo kill\n")
        assert histories.replay(steps) is None
        monkeypatch.setattr(host, "path_exists", lambda _path: True)
        difference = histories.replay(steps)
    assert difference is not None
    assert (difference.step, difference.topic) == ("two kill", "paths")
