# SPDX-License-Identifier: Apache-2.0
"""Scripts of steps: as text, replayed, and made short."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from labgrid import Environment

from harness import shipped
from harness.bench.configuration import shmem
from harness.errors import UsageError
from harness.replay import script
from harness.replay.drawn.systems import draw_system
from harness.replay.model.state import cannot_start
from harness.replay.script import Script, Step
from harness.replay.shrinking import shrink
from harness.target.benches import read_benches
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
    short, is_shortest = shrink(Script("bench", devices, steps), shows, 60.0)
    assert is_shortest
    assert [step.connection for step in short.steps] == ["c17", "c80"]
    assert set(short.devices) == {"one", "two"}


PROGRAMS = """
one attach a red 4
host attach b red 1
host attach 2.c red 1
host attach 2.d red 1
host end 2
one status a
host regions
host attach 2.c red 1
host end
host status 2.c
"""


def test_the_end_of_a_program_is_that_of_its_own_connections(tmp_path: Path) -> None:
    """The other program keeps those that it has, and another one takes the place of the one that has ended."""
    path = tmp_path / "steps"
    path.write_text(PROGRAMS)
    result = _replay(path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("members of red 0x3") == 1
    assert result.stdout.splitlines()[-1] == "host status 2.c  control 0x50000"
    wrong = _replay(path, "--fault", "detach-ends-region")
    assert wrong.returncode == 1, wrong.stdout + wrong.stderr


def test_a_guest_that_cannot_start_is_refused_each_time_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "steps"
    devices = "one device allow red*\ntwo device create good,4096\ntwo device create bad/,4096\n"
    path.write_text(
        f"{devices}one attach a red 4\ntwo start\ntwo attach b red 1\nhost regions\ntwo start\nhost regions\n"
    )
    result = _replay(path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "two attach" not in result.stdout
    assert result.stdout.count("host regions  members of red 0x1  pages of red 0x4") == 2
    wrong = _replay(path, "--fault", "create-ignored")
    assert wrong.returncode == 1, wrong.stdout + wrong.stderr
    assert "two starts, though a create of it cannot be made" in wrong.stdout + wrong.stderr


def test_systems_are_drawn_with_what_is_rare() -> None:
    """A dozen devices in a guest, a guest that cannot start, owner groups, and no more than one such guest."""
    bench = read_benches(Environment(str(shipped.BENCHES)).config)["qemu-aarch64-8.0"]
    systems = [draw_system(Random(seed), bench, "pci") for seed in range(60)]
    guests = [[shmem(tuple(options)).vdevs for options in system.devices.values()] for system in systems]
    refused = [sum(cannot_start(vdevs, bench.profile) for vdevs in several) for several in guests]
    assert set(refused) == {0, 1}
    assert max(len(vdevs) for several in guests for vdevs in several) > 8
    assert any("gid" in options for system in systems for several in system.devices.values() for options in several)
    assert {system.has_room for system in systems} == {True, False}


@pytest.mark.parametrize("bench", ["qemu-aarch64-8.0", "qemu-x86_64-8.0"])
def test_a_guest_whose_power_button_is_pressed_leaves_what_it_has(tmp_path: Path, bench: str) -> None:
    path = tmp_path / "steps"
    path.write_text(f"bench {bench}\none attach a red 4\ntwo attach b red 1\ntwo press\none status a\ntwo start\n")
    result = _replay(path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "one status a  control 0x10000  index 0x0" in result.stdout


def test_a_place_that_was_left_shows_what_others_leave_there(tmp_path: Path) -> None:
    """The guest finds its own word again, and not another one's; a region that is still there is seen by all."""
    path = tmp_path / "steps"
    looks = "one left a\ntwo left b\n"
    path.write_text(f"one attach a red 4\ntwo attach b red 1\none detach a\ntwo detach b\n{looks}{looks}")
    result = _replay(path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("foreign 0x0") == 4
    wrong = _replay(path, "--fault", "mapping-kept-after-detach")
    assert wrong.returncode == 1, wrong.stdout + wrong.stderr
    assert "two left b" in wrong.stdout


def test_the_pin_of_a_device_tells_of_any_region_that_is_unread(tmp_path: Path) -> None:
    path = tmp_path / "steps"
    joins = "one attach a red 1\none attach b blue 1\ntwo attach c red 1\ntwo attach d blue 1\n"
    signals = "one status a\none status b\none asserted\ntwo notify c 0x1\ntwo notify d 0x1\n"
    looks = "".join(f"one asserted\none status {connection}\n" for connection in "ab")
    path.write_text(f"{joins}{signals}{looks}one asserted\n")
    result = _replay(path)
    assert result.returncode == 0, result.stdout + result.stderr
    seen = [line.split()[-1] for line in result.stdout.splitlines() if line.startswith("one asserted")]
    assert seen == ["0x10", "0x18", "0x18", "0x10"]
