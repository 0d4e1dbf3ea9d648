# SPDX-License-Identifier: Apache-2.0
"""``harness prove --mutants`` on a made-up suite: programs of a real emulated host, real mutants, and no guests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import programs
from tests.prove.made_up import CHECKOUT, SECONDS, MadeUp

SUITE = """
    from harness.emulator.service.client import EmulatedHost

    @pytest.fixture
    def client():
        with EmulatedHost() as host, host.client() as client:
            yield client

    @needs("SHM-NOTIF-01")
    def test_a_signal_comes_once(client):
        one, two = client.create("a", 1), client.attach("a")
        one.notify(1 << two.index)
        assert two.status() & 0xFFFF == 1 << one.index
        assert two.status() & 0xFFFF == 0

    @needs("SHM-LIFE-01")
    def test_who_leaves_is_no_member(client):
        one, two = client.create("a", 1), client.attach("a")
        two.detach()
        assert one.status() >> 16 == 1 << one.index
"""


BREAKING = """
    from harness.emulator.service.client import EmulatedHost, HostRequestError
    from harness.errors import BenchError

    @pytest.fixture
    def client():
        with EmulatedHost() as host, host.client() as client:
            yield client

    def signalled(client):
        try:
            one, two = client.create("a", 1), client.attach("a")
            one.notify(1 << two.index)
            return two.status() == (1 << one.index) | (3 << 16)
        except HostRequestError:
            return False

    @needs("SHM-NOTIF-01")
    @pytest.mark.parametrize("number", range(8))
    def test_of_another_matter(client, number):
        if not (right := signalled(client)):
            raise BenchError("the guest does not start")
        assert right

    @needs("SHM-NOTIF-01")
    def test_that_comes_too_late(client):
        assert signalled(client)

    @needs("QVM-CFG-04")
    def test_it_starts(client):
        assert signalled(client)
"""
"""Tests that break where the last of them finds something."""


def mutate(suite: MadeUp, *options: str) -> subprocess.CompletedProcess[str]:
    """The command on one bench, which the suite does not use."""
    place = ["--suite", str(suite.folder), "--out", str(suite.folder / "out"), "--bench", "qemu-aarch64"]
    command = [sys.executable, "-m", "harness", "prove", *place, *options]
    return programs.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=SECONDS, check=False)


def results(folder: Path) -> dict[str, Any]:
    """What the one run below the folder has found."""
    (path,) = folder.glob("prove-*/mutate.json")
    data: dict[str, Any] = json.loads(path.read_text())
    return data


@pytest.mark.long
def test_mutants_are_killed_or_named(tmp_path: Path) -> None:
    """Some mutants of a small file, each with an outcome that its entry explains."""
    suite = MadeUp.of(tmp_path, SUITE)
    select = ["--select", "emulator/device/regions.py", "--mutants", "12", "--seed", "11"]
    run = mutate(suite, *select)
    assert run.returncode == 1, run.stdout + run.stderr
    found = results(tmp_path / "out")
    assert len(found["tried"]) == found["drawn"] == 12
    assert "2 tests without a defect in" in run.stdout
    outcomes = {tried["outcome"] for tried in found["tried"]}
    assert {"killed", "unreached"} <= outcomes
    for tried in found["tried"]:
        assert tried["outcome"] in ("killed", "survived", "unreached", "equivalent", "broke"), tried
        if tried["outcome"] == "killed":
            assert tried["requirements"] in (["SHM-NOTIF-01"], ["SHM-LIFE-01"])
            assert tried["reason"], tried
        if tried["outcome"] == "unreached":
            assert tried["tests"] == 0
            assert f"    {tried['diff'].splitlines()[0]}" in run.stdout
    (folder,) = (tmp_path / "out").glob("prove-*")
    page = (folder / "index.html").read_text()
    assert all(tried["name"] in page for tried in found["tried"])

    # Two are forgotten, and found again without the others, and without a second record.
    path = folder / "mutate.json"
    path.write_text(json.dumps({**found, "tried": found["tried"][2:]}))
    again = mutate(suite, *select, "--resume", str(folder))
    assert again.returncode == 1, again.stdout + again.stderr
    assert "without a defect" not in again.stdout
    assert {(one["name"], one["outcome"]) for one in results(tmp_path / "out")["tried"]} == {
        (one["name"], one["outcome"]) for one in found["tried"]
    }


@pytest.mark.long
def test_what_breaks_every_test_is_found_by_the_one_that_judges_starts(tmp_path: Path) -> None:
    suite = MadeUp.of(tmp_path, BREAKING)
    run = mutate(suite, "--select", "emulator/device/regions.py", "--mutants", "12", "--seed", "11")
    assert run.returncode == 1, run.stdout + run.stderr
    tried = results(tmp_path / "out")["tried"]
    assert "broke" not in {one["outcome"] for one in tried}
    assert ["QVM-CFG-04"] in [one["requirements"] for one in tried]


def test_wrong_use(tmp_path: Path) -> None:
    suite = MadeUp.of(tmp_path, SUITE)
    for options, message in (
        (["--select", "nowhere.py", "--mutants", "3"], "no source of the device fits nowhere.py"),
        (["--resume", str(tmp_path)], "is not the folder of a run of mutants"),
    ):
        run = mutate(suite, *options)
        assert run.returncode == 3, run.stdout + run.stderr
        assert message in run.stderr
    assert not (tmp_path / "out").exists()
