# SPDX-License-Identifier: Apache-2.0
"""``--fault``: the hosts of a session are wrong on purpose, and its report says so."""

from __future__ import annotations

import pytest

from tests.bench.mini_suite import CHECKOUT, MiniSuite, fake


def test_the_device_is_wrong_and_the_report_says_so(mini: MiniSuite) -> None:
    mini.test("def test_1(deploy):\n    (guest,) = deploy('deny a')\n    assert guest.request('a').region is None\n")
    boards = str(CHECKOUT / "boards.yaml")
    run = mini.run("--lg-env", boards, "--bench", "qemu-aarch64", "--fault", "rules-ignored", env=False)
    assert run.returncode == 1, run.stdout + run.stderr
    assert set(mini.verdicts().values()) == {"fail"}
    parts = {part["name"]: part["version"] for part in mini.results()["run"]["parts"]}
    assert parts["deliberate fault"] == "rules-ignored"


@pytest.mark.parametrize("fault", ["rules-of-thumb", "rules-ignored"])
def test_a_fault_that_cannot_be_injected_is_a_bench_error(mini: MiniSuite, fault: str) -> None:
    """An unknown one, and any on a host that has none to offer."""
    mini.test("def test_1(bench): pass\n")
    mini.benches(left=fake())
    run = mini.run("--fault", fault)
    assert run.returncode == 2
    assert "does not support fault injection" in mini.reasons()


def test_an_unknown_fault_is_an_error_with_a_suggestion(mini: MiniSuite) -> None:
    mini.test("def test_1(bench): pass\n")
    boards = str(CHECKOUT / "boards.yaml")
    run = mini.run("--lg-env", boards, "--bench", "qemu-aarch64", "--fault", "rule-ignored", env=False)
    assert run.returncode == 2
    assert "rules-ignored" in mini.reasons()
