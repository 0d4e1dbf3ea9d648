# SPDX-License-Identifier: Apache-2.0
"""Scripts of steps: as text, replayed, and made short."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.replay import script
from harness.replay.script import Script, Step
from harness.replay.shrinking import shrink
from tests import programs

SCRIPT = """
bench qemu-aarch64
one attach a red 4      # a comment
two attach b red 1

one write a 3 0xbeef
two read b 3
two notify b 0xffffffff
one status a
two kill
one status a
"""


def _replay(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness", "replay", str(path), *options]
    return programs.run(command, capture_output=True, text=True)


def test_replay_shows_each_step_and_that_they_agree(tmp_path: Path) -> None:
    path = tmp_path / "steps"
    path.write_text(SCRIPT)
    result = _replay(path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "two read b 3  value 0xbeef" in result.stdout
    assert result.stdout.splitlines()[-1] == "one status a  control 0x10000  index 0x0"


def test_replay_stops_at_the_first_difference(tmp_path: Path) -> None:
    path = tmp_path / "steps"
    path.write_text(SCRIPT)
    result = _replay(path, "--fault", "pending-sticky")
    assert result.returncode == 1, result.stderr
    assert result.stdout.splitlines()[-3:] == [
        "one status a",
        "  expected  control 0x10000  index 0x0",
        "  seen      control 0x10002  index 0x0",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no step"),
        ("# one attach a red 1\n\n", "holds no step"),
        ("bench qemu-aarch64\none device allow red*\n", "holds no step"),
        ("one detach z\n", "none of the steps was possible"),
        ("one write a 0 1\n& host read b 0\n", "none of the steps was possible"),
    ],
)
def test_a_replay_that_compares_nothing_is_no_pass(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "steps"
    path.write_text(text)
    result = _replay(path)
    assert result.returncode == 3, result.stdout + result.stderr
    assert words in result.stderr


def test_seventeen_clients_of_one_region_and_one_who_takes_a_place(tmp_path: Path) -> None:
    """All of them in the order of the text; the next place is that of who has left."""
    clients = [f"{actor} attach {actor}{number} red 1" for actor in ("one", "two", "three") for number in range(5)]
    late = ["host attach late red 1", "one attach more red 1", "three detach three2", "host attach again red 1"]
    path = tmp_path / "steps"
    path.write_text("\n".join([*clients, *late]))
    result = _replay(path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "one attach more red 1  status 0x3" in result.stdout
    assert result.stdout.splitlines()[-1] == "host attach again red 1  status 0x0  index 0xc  pages 0x1"


def test_two_at_the_same_moment_may_come_in_either_order(tmp_path: Path) -> None:
    """Twenty times; every outcome of an order is right, and each state goes on from there."""
    rounds = ["one attach a red 1", "& two attach b red 2", "one status a", "two status b", "one detach a",
              "& two detach b"]  # fmt: skip
    path = tmp_path / "steps"
    path.write_text("\n".join(rounds * 20))
    result = _replay(path)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("text", "word"),
    [("four fly", "fly"), ("six status a", "six"), ("host kill", "kill"), ("one read a", "arguments"), ("one", "''"),
     ("& one read a b", "PAGE")],
)  # fmt: skip
def test_a_wrong_step_is_refused_with_file_and_line(text: str, word: str) -> None:
    with pytest.raises(UsageError, match=rf"steps:2: .*{word}"):
        script.parse(f"one kill\n{text}", "steps")


def test_a_script_is_the_text_that_it_is_read_from() -> None:
    text = f"{SCRIPT}\none device allow red* deny redder\none attach a %00 1 0\n& two detach b 0xe 1 0x0\n"
    parsed = script.parse(text)
    assert parsed.devices == {"one": ("allow red* deny redder",), "two": ("",)}
    assert script.parse(str(parsed)) == parsed


def test_names_of_any_bytes_are_words() -> None:
    for name in (b"", b"%", b"a b#c;,~", bytes(range(1, 33))):
        assert Step("one", "name", (script.encode_name(name),)).name == name


def test_a_long_history_is_made_short() -> None:
    """What matters here are two steps, in this order, that stand far apart."""
    steps = script.parse("\n".join(f"{('one', 'two')[n % 2]} attach c{n} red 1" for n in range(100))).steps

    def shows(tried: Script) -> bool:
        names = [step.connection for step in tried.steps]
        return "c17" in names and "c80" in names

    devices: dict[str, tuple[str, ...]] = {"one": ("",), "two": ("",), "three": ("",)}
    short = shrink(Script("bench", devices, steps), shows, 60.0)
    assert [step.connection for step in short.steps] == ["c17", "c80"]
    assert set(short.devices) == {"one", "two"}
