# SPDX-License-Identifier: Apache-2.0
"""Rendering and reading back loses nothing."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hypothesis import assume, given, settings

from harness.shmem.config import (
    ConfigError,
    Load,
    Option,
    Rule,
    ShmemVdev,
    Vdev,
    VmConfig,
    parse,
    parse_arguments,
    parse_file,
    render,
    shmems_of,
)
from harness.shmem.config.words import words
from tests.shmem.strategies import configurations, shmem_vdevs


@settings(max_examples=150, deadline=None)
@given(configurations())
def test_reading_back_what_was_rendered(config: VmConfig) -> None:
    text = render(config)
    assert parse(text) == config
    assert render(parse(text)) == text


@settings(max_examples=60, deadline=None)
@given(configurations())
def test_line_breaks_are_cosmetic(config: VmConfig) -> None:
    """Text that is not understood, and line ends in quotes, are exceptions."""
    known = VmConfig(vdevs=tuple(vdev for vdev in config.vdevs if vdev.kind != "unheard-of"), rams=config.rams)
    options = [option for vdev in known.vdevs for option in vdev.options]
    assume(all(option.understood and "\n" not in "".join(option.words) for option in options))
    assert parse(" ".join(render(known).split("\n"))) == known


@settings(max_examples=60, deadline=None)
@given(shmem_vdevs())
def test_the_typed_view_holds_everything(view: ShmemVdev) -> None:
    assert ShmemVdev.of(view.vdev()) == view


@settings(max_examples=60, deadline=None)
@given(configurations())
def test_the_command_line_is_the_same_language(config: VmConfig) -> None:
    known = VmConfig(system=config.system, rams=config.rams, cmdline=config.cmdline, cpus=config.cpus)
    arguments = [word.text for word in words(render(known), "t")]
    assert parse_arguments(arguments) == known


def test_a_file_and_arguments_can_be_mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one.qvmconf").write_text("system g0\nvdev shmem\n  allow a*\n")
    (tmp_path / "two.qvmconf").write_text("name second  # continues the vdev of the first file\n")
    monkeypatch.chdir(tmp_path)
    config = parse_arguments(shlex.split('ram 128M @one.qvmconf deny b @two.qvmconf cmdline "a b"'))
    (vdev,) = shmems_of(config)
    assert [(rule.kind, rule.pattern) for rule in vdev.rules] == [("allow", "a*"), ("deny", "b")]
    assert (config.system, vdev.name, config.cmdline) == ("g0", "second", "a b")
    assert str(vdev.rules[0].position) == "one.qvmconf:3:3"
    assert str(vdev.rules[1].position) == "<command line>:1:23"


def test_a_file_may_read_another_but_not_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("system g\n@b\n")
    (tmp_path / "b").write_text("ram 1M\n  @a\n")
    (tmp_path / "c").write_text("@d @d")
    (tmp_path / "d").write_text("cpu")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"b:2:3: file includes itself: found '@a'"):
        parse_file("a")
    assert len(parse_file("c").cpus) == 2


@pytest.mark.parametrize(
    "config",
    [
        VmConfig(cmdline="two\x1blines"),
        VmConfig(system="bell\a"),
        VmConfig(loads=(Load("", None, "12,image"),)),
        VmConfig(vdevs=(Vdev("pl011", (Option("name", "a\0b"),)),)),
        VmConfig(vdevs=(ShmemVdev((Rule("allow", "a\rb"),)).vdev(),)),
    ],
)
def test_what_no_text_can_express_is_refused(config: VmConfig) -> None:
    with pytest.raises(ConfigError):
        render(config)


def test_a_location_that_only_a_variable_can_give_is_refused() -> None:
    """Written in its place, the value would not belong to ``loc`` any more."""
    config = parse("set A :0x1c050000\nvdev shmem loc $A intr gic:43")
    with pytest.raises(ConfigError, match="does not read like a location"):
        render(config)
    assert parse(render(parse("set A 0x1c050000\nvdev shmem loc $A intr gic:43"))).vdevs


def test_a_word_that_loc_would_take_is_not_written_behind_it() -> None:
    """A word that nobody knows may stand far from the ``loc`` of its device, behind options of the VM."""
    config = parse("vdev shmem loc system a load k 7\n")
    assert [option.name for option in config.vdevs[0].options] == ["loc", "7"]
    with pytest.raises(ConfigError, match="would be the argument of the 'loc' before it"):
        render(config)


def test_a_context_that_loc_would_take_is_not_written_behind_it() -> None:
    """Contexts are written behind all devices, wherever they stood."""
    config = parse("vdev shmem\n\n7\n    loc 0x1c050000\nvdev shmem loc\n")
    assert [context.kind for context in config.contexts] == ["7"]
    with pytest.raises(ConfigError, match="would be the argument of the 'loc' before it"):
        render(config)


def test_a_word_behind_a_loc_without_an_address_stays_a_word() -> None:
    config = parse("vdev shmem loc fdt 0x1c051000")
    assert parse(render(config)) == config
