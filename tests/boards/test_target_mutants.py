# SPDX-License-Identifier: Apache-2.0
"""Shipped target files, damaged at random: the check has an answer to each, and what it lets pass can be used."""

from __future__ import annotations

import copy
import os
import random
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import yaml
from labgrid.config import Config
from labgrid.factory import target_factory

from harness.target.benches import read_benches
from harness.target.check import check
from tests.boards.lab import CHECKOUT

TARGETS = CHECKOUT / "targets"
FILES = [CHECKOUT / "boards.yaml", *sorted(TARGETS.glob("*.yaml"))]
SECONDS = 20
"""Of processor time, for one file: a bound against a check without an end, whatever else the machine does."""

VALUES = [
    *("", "~", "null", "{}", "[]", "yes", "no", "on", "0", "-1", "0022", "1:30", "1e3", "0o17", ".nan", ".inf", "'5'"),
    *("99999999999999999999999", "2020-01-01", "2020-13-45", "=", "<<", "*a", "&a x", "!env X", '!template "$X"', "|"),
    *("[a, b]", "{a: b}", "[[]]", "{a: }", "FILL IN", "root@host", "host:22", '"\\ud800"', '"\\0"', "!!int x", "'x*'"),
    *(
        "'('",
        "~nobody/x",
        "$HOME",
        "/",
        "..",
        "&a [*a]",
        "&a {b: *a}",
        "!!binary x",
        "? x",
        "@",
        "`",
        "%",
        "\u2028",
        "\ufeff",
    ),
]
KEYS = [
    "1234",
    "true",
    "~",
    "<<",
    "''",
    "cls",
    "name",
    "bindings",
    "target",
    "on",
    "1.5",
    "[a]",
    "{a: b}",
    "? a",
    "\u00e9",
]
LINES = [
    "---",
    "...",
    "%YAML 1.1",
    "\t",
    "- a",
    "a: b",
    "<<: *a",
    "? [a]",
    "# FILL IN",
    "}",
    "]",
    "'",
    '"',
    "x: &a",
    "- *a",
]


def _value(chance: random.Random, lines: list[str]) -> None:
    number = chance.randrange(len(lines))
    match = re.match(r"(\s*(?:- )?[\w.-]+: ?)(.*)", lines[number])
    lines[number] = (match[1] if match else lines[number]) + chance.choice(VALUES)


def _inside(chance: random.Random, lines: list[str]) -> None:
    """A value of a list or a mapping on one line."""
    number = chance.randrange(len(lines))
    words = re.split(r"([\w.:/-]+)", lines[number])
    words[chance.randrange(len(words))] = chance.choice(VALUES)
    lines[number] = "".join(words)


def _key(chance: random.Random, lines: list[str]) -> None:
    number = chance.randrange(len(lines))
    lines[number] = re.sub(r"[\w.-]+:", f"{chance.choice(KEYS)}:", lines[number], count=1)


def _letter(chance: random.Random, lines: list[str]) -> None:
    number = chance.randrange(len(lines))
    at = chance.randrange(len(lines[number]) + 1)
    letter = chance.choice(["", "", *"abc01 :-#'\"{}[],&*!|>%@\t\x00\u0085\u00e9"])
    lines[number] = lines[number][:at] + letter + lines[number][at + chance.randrange(2) :]


def _indent(chance: random.Random, lines: list[str]) -> None:
    number = chance.randrange(len(lines))
    lines[number] = " " * chance.randrange(12) + lines[number].lstrip()


def _away(chance: random.Random, lines: list[str]) -> None:
    first = chance.randrange(len(lines))
    del lines[first : first + chance.choice([1, 1, 1, 2, 5, 20])]
    lines = lines or [""]


def _again(chance: random.Random, lines: list[str]) -> None:
    first = chance.randrange(len(lines))
    piece = lines[first : first + chance.choice([1, 1, 3, 10])]
    at = chance.randrange(len(lines) + 1)
    lines[at:at] = piece


def _swap(chance: random.Random, lines: list[str]) -> None:
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]


def _line(chance: random.Random, lines: list[str]) -> None:
    at = chance.randrange(len(lines) + 1)
    lines.insert(at, " " * chance.choice([0, 2, 4, 6, 8]) + chance.choice(LINES))


def _deep(chance: random.Random, lines: list[str]) -> None:
    number = chance.randrange(len(lines))
    depth = chance.choice([3, 30, 3000])
    lines[number] += chance.choice(["[", "{a: ", "- ", "{"]) * depth


def _bomb(chance: random.Random, lines: list[str]) -> None:
    width = chance.choice([2, 9])
    lines.insert(0, "b0: &b0 [x, y]")
    for number in range(1, 12):
        lines.insert(number, f"b{number}: &b{number} [{', '.join([f'*b{number - 1}'] * width)}]")


def _other(chance: random.Random, lines: list[str]) -> None:
    """A piece of another file."""
    piece = chance.choice(FILES).read_text().splitlines()
    first = chance.randrange(len(piece))
    at = chance.randrange(len(lines) + 1)
    lines[at:at] = piece[first : first + chance.randrange(1, 30)]


DAMAGES: list[Callable[[random.Random, list[str]], None]] = [
    *(_value, _value, _value, _inside, _inside, _inside, _key, _key, _letter, _letter),
    *(_indent, _away, _again, _swap, _line, _line, _deep, _bomb, _other),
]


THINGS: list[Any] = [
    *(None, True, False, 0, -1, 1, 22, 70000, 10**30, 0.5, -1.0, float("nan"), float("inf"), date(2020, 1, 1), b"x"),
    *("", " ", "x", "5", "yes", "on", "0022", "a b", "a/b", "a\nb", "FILL IN", "root@host", "host:22", "192.0.2.300"),
    *(
        "192.0.2.9",
        "(",
        "x*",
        "~/x",
        "~nobody/x",
        "$HOME",
        "/",
        "pci",
        "mmio",
        "edge",
        "8.0",
        "gic:043",
        "é",
        "x" * 300,
    ),
    *([], {}, ["x"], ["x", "x"], [None], [[]], [{}], {"a": "b"}, {"a": None}, {"name": 5}, {"bindings": {"port": "x"}}),
]
"""Values of every kind."""


def _holders(data: Any) -> Iterator[Any]:
    """Every mapping and list that has something in it."""
    if isinstance(data, dict | list) and data:
        yield data
        for inside in data.values() if isinstance(data, dict) else data:
            yield from _holders(inside)


def _changed(chance: random.Random, text: str) -> str:
    """A file that is YAML still, with other values."""
    data = yaml.safe_load(text.replace("!template ", ""))
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        holders = list(_holders(data))
        if not holders:
            break
        holder = chance.choice(holders)
        key = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        thing = copy.deepcopy(chance.choice(THINGS))
        how = chance.randrange(6)
        if how == 0:
            del holder[key]
        elif how == 1 and isinstance(holder, dict):
            holder[chance.choice([5, True, None, 1.5, "x", f"{key}s", str(key)[1:], "name"])] = holder.pop(key)
        elif how == 2:
            holder[key] = chance.choice([[holder[key]], {"x": holder[key]}, str(holder[key])])
        elif how == 3:
            holder[key] = copy.deepcopy(chance.choice(list(_holders(data))))
        else:
            holder[key] = thing
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=chance.choice([True, False]))


def mutant(seed: int) -> bytes:
    """The content of a damaged file."""
    chance = random.Random(seed)
    text = chance.choice(FILES).read_text()
    # Otherwise no mutant of a file for boards would ever be good.
    text = text.replace("  # FILL IN", "")
    if chance.randrange(3):
        return _changed(chance, text).encode()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for _ in range(chance.choice([1, 1, 1, 2, 3, 6])):
        chance.choice(DAMAGES)(chance, lines)
        lines = lines or [""]
    ending = chance.choice(["\n"] * 8 + ["\r\n", "\r"])
    coding = chance.choice(["utf-8"] * 20 + ["utf-8-sig", "utf-16", "latin-1"])
    return ending.join([*lines, ""]).encode(coding, "replace")


@contextmanager
def bounded(what: str) -> Iterator[None]:
    """Fail when the block needs too much processor time."""

    def late(_number: int, _frame: object) -> None:
        pytest.fail(f"{what}: no end after {SECONDS} s of processor time")

    before = signal.signal(signal.SIGVTALRM, late)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where mutants go: the templates of all shipped files are there."""
    for place in TARGETS.iterdir():
        if place.is_dir():
            (tmp_path / place.name).symlink_to(place)
    (tmp_path / "targets").symlink_to(TARGETS)
    for name in [name for name in os.environ if name.startswith("LG_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LG_PLACE", "place")
    return tmp_path / "mutant.yaml"


def judge(seed: int, file: Path) -> bool:
    """Whether the check lets a mutant pass; fails when it has no answer, or a wrong one."""
    content = mutant(seed)
    file.write_bytes(content)
    count = len(re.split(r"\r\n|[\r\n\x85\u2028\u2029]", content.decode("utf-8", "replace")))
    with bounded(f"mutant {seed}"):
        problems = check(file)
    for problem in problems:
        assert re.fullmatch(r"[^\n]+:\d+: (error|warning): [^\n]+", str(problem).encode().decode()), (seed, problem)
        assert problem.file != str(file) or 1 <= problem.line <= count, (seed, problem)
    if any(not problem.warning for problem in problems):
        return False
    # The check lets a variable be set later; labgrid wants it now.
    variables = dict.fromkeys(re.findall(r"LG_\w+", content.decode("utf-8", "replace"), re.ASCII), "place")
    with patch.dict(os.environ, variables):
        config = Config(str(file))
    assert read_benches(config), seed
    for target in config.get_targets().values():
        assert target_factory.normalize_config(target), seed
    return True


def test_every_mutant_has_an_answer(file: Path) -> None:
    good = sum(judge(seed, file) for seed in range(300))
    # Both kinds are there, or the mutants are of no use.
    assert 5 < good < 150


@pytest.mark.long
def test_every_one_of_many_mutants_has_an_answer(file: Path) -> None:
    good = sum(judge(seed, file) for seed in range(1000, 21000))
    assert 400 < good < 10000
