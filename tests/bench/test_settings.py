# SPDX-License-Identifier: Apache-2.0
"""A target's options are checked when they are read, and the message names file and target."""

from __future__ import annotations

import re

import pytest
from labgrid.config import Config

from fixtures.settings import Setting, read_benches, settings
from harness.errors import UsageError
from tests.bench.mini_suite import MiniSuite, fake


def test_a_bench_has_what_its_target_says(mini: MiniSuite) -> None:
    path = mini.benches(left=fake("profile_overrides: {mixed_rules: deny-wins}", features="[wings]"))
    (bench,) = read_benches(Config(str(path))).values()
    assert (bench.name, bench.architecture, bench.release) == ("left", "x86_64", "7.0")
    assert bench.profile.mixed_rules == "deny-wins"
    assert bench.features == {"wings"}
    assert bench.templates == mini.folder / "templates"
    assert settings([bench]) == [Setting("left", "x86_64", "pci", "probe", "serial")]
    assert settings([bench])[0].id == "left-pci-probe-serial"


def test_a_probe_guest_is_talked_to_over_its_console_alone(mini: MiniSuite) -> None:
    text = fake("linux: {addresses: [10.0.0.1], boot_seconds: 9}").replace("[probe]", "[probe, linux]")
    (bench,) = read_benches(Config(str(mini.benches(left=text.replace("[serial]", "[serial, ssh]"))))).values()
    assert [setting.id for setting in settings([bench])] == [
        "left-pci-probe-serial",
        "left-pci-linux-serial",
        "left-pci-linux-ssh",
    ]
    assert (bench.linux.addresses, bench.linux.boot_seconds, bench.linux.recipe) == (("10.0.0.1",), 9.0, None)


def test_a_release_may_be_written_as_a_number(mini: MiniSuite) -> None:
    path = mini.benches(left=fake().replace('"7.0"', "8.0"))
    assert read_benches(Config(str(path)))["left"].release == "8.0"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (fake("colour: red"), "unknown option colour"),
        (fake().replace("x86_64", "vax"), "option architecture is 'vax'; expected one of: x86_64, aarch64"),
        (fake().replace("[pci]", "[isa]"), "option placements[1] is 'isa'; expected one of: pci, mmio"),
        (fake().replace("[pci]", "pci"), "option placements is 'pci'"),
        (fake().replace("[pci]", "[]"), "option placements is []"),
        (fake().replace('"7.0"', "7.5"), "option profile is 7.5; expected one of: 7.0, 7.1, 8.0"),
        (fake("profile_overrides: {mixed_rules: by-dice}"), "'by-dice' is not a reading"),
        (fake("profile_overrides: [1]"), "option profile_overrides is [1]; expected a mapping of keys"),
        (fake("boot_seconds: soon"), "option boot_seconds is 'soon'"),
        (fake("boot_seconds: -1"), "option boot_seconds is -1"),
        (
            fake("linux: {recipes: x}"),
            "option linux: unknown key recipes; did you mean recipe?",
        ),
        (fake("linux: {recipe: gone.toml}"), "there is no recipe"),
        (fake("linux: {boot_seconds: soon}"), "option linux.boot_seconds is 'soon'"),
        (fake("linux: {addresses: 10.0.0.1}"), "option linux.addresses is '10.0.0.1'; expected a list of texts"),
        (fake().replace("templates: templates", ""), "option templates is missing"),
        (fake().replace("templates: templates", "templates: nowhere"), "there is no folder"),
    ],
)
def test_a_wrong_option_is_named_with_its_file_its_line_and_target(mini: MiniSuite, text: str, message: str) -> None:
    path = mini.benches(left=text)
    with pytest.raises(UsageError) as error:
        read_benches(Config(str(path)))
    assert message in str(error.value)
    assert re.fullmatch(rf"{path}:\d+: error: target left: .*", str(error.value))


def test_a_file_without_targets_is_wrong(mini: MiniSuite) -> None:
    path = mini.write("benches.yaml", "features: [x]\n")
    with pytest.raises(UsageError, match=rf"^{path}:1: error: targets is missing$"):
        read_benches(Config(str(path)))
