# SPDX-License-Identifier: Apache-2.0
"""Whatever a configuration holds: qvm's way through it ends with a machine, or with an error at a line of the text."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from harness.emulator.machine.plan import Plan, plan
from harness.shmem.config import ConfigError, parse, parse_file
from harness.shmem.config.validate import validate
from harness.shmem.profile import PROFILES
from tests.hostile.fuzzing import fuzzed, sample_and_many
from tests.shmem.test_config_fuzz import changed, check, limited, shipped, try_one

RELEASES: Final = ("7.0", "7.1", "8.0")
ARM_IMAGE: Final = bytes(0x38) + b"ARM\x64" + bytes(600)


@dataclass(frozen=True)
class Drawn:
    """A configuration; ``wrong`` is the line of what must be refused, 0 where everything is right."""

    text: str
    wrong: int
    regions: tuple[tuple[str, int], ...]
    """What it creates: names and pages."""


WRONG: Final = (
    *("allow", "deny", "create", "create a", "create a,", "create a,x", "create a,0", "create ,4k", "subst", "subst a"),
    *("loc x", "loc 0x1c07g0", "loc -1", "intr", "intr :", "intr gic:", "alow a", "allow a b"),
    *("sched x", "allow $x", "create $x,4k", "umask 9", "gid", "create a,4k,9", 'allow "a', "name a/b", "0x1c050000"),
)
"""Options that no ``vdev shmem`` of this host can have, whatever stands around them."""


def _name(source: random.Random) -> str:
    return "".join(source.choices("abcxyz0189_-.", k=source.randint(1, 12))).lstrip(".-") or "n"


def _pattern(source: random.Random) -> str:
    return _name(source) + source.choice(["", "", "*", "?", "[a-c]", "[!x]*"])


def drawn(source: random.Random) -> Drawn:
    """A configuration by the grammar of docs/configuration.md, sometimes with one wrong option."""
    lines = [f"system {_name(source)}", f"ram 0x40000000,{source.choice(['64M', '0x4000000', '128m', '67108864'])}"]
    lines += ["load kernel"]
    regions = []
    wrong = 0
    kind = source.choice(["allow", "deny", ""])
    for device in range(source.randint(1, 3)):
        options = []
        if source.random() < 0.5:
            options.append(f"loc {0x1C050000 + 0x1000 * device:#x} intr gic:{43 + device}")
        if kind:
            options += [f"{kind} {_pattern(source)}" for _ in range(source.randint(0, 4))]
        for number in range(source.randint(0, 2)):
            pages = source.choice([1, 2, 16, 4095, source.randint(1, 4095)])
            name = f"r{device}{number}{_name(source)}"
            size = source.choice([f"{pages * 4096}", f"{pages * 4096:#x}", f"{pages * 4}k"])
            options.append(f"create {name},{size}")
            regions.append((name, pages))
        source.shuffle(options)
        separator = source.choice([" ", "\n    ", "\n\t# a remark\n    "])
        lines += separator.join(["vdev shmem", *options]).split("\n")
    if source.random() < 0.4:
        devices = [number for number, line in enumerate(lines) if line.startswith("vdev shmem")]
        at = source.choice(devices) + 1
        lines.insert(at, f"    {source.choice(WRONG)}")
        wrong = at + 1
    return Drawn("\n".join(lines) + source.choice(["", "\n", "\n# end"]), wrong, tuple(regions))


def _machine(text: str, folder: Path, release: str) -> Plan | ConfigError:
    """What the emulated host makes of a text before it starts anything."""
    try:
        config = parse(text, "t")
        for problem in validate(config, PROFILES[release]):
            return problem
        return plan(config, folder, PROFILES[release])
    except ConfigError as error:
        return error


@sample_and_many(600)
def test_what_is_right_becomes_a_machine_and_what_is_wrong_an_error(tmp_path: Path, count: int) -> None:
    (tmp_path / "kernel").write_bytes(ARM_IMAGE)
    refused = 0
    with fuzzed("qvm configurations by the grammar", count) as run:
        for size in run.batches(100):
            for number in range(size):
                config, release = drawn(run.source), RELEASES[number % 3]
                machine = _machine(config.text, tmp_path, release)
                if isinstance(machine, ConfigError):
                    check(machine)
                    assert config.wrong, f"{release}: {machine.qvm_message()}\n{config.text}"
                    refused += 1
                    continue
                assert not config.wrong, f"{release}: line {config.wrong} is taken:\n{config.text}"
                found = [
                    (entry.name, entry.size_bytes // 4096) for item in machine.placements for entry in item.vdev.creates
                ]
                assert sorted(found) == sorted(config.regions)
    assert count * 0.2 < refused < count * 0.6


@sample_and_many(300)
def test_no_change_of_a_configuration_breaks_reader_lint_or_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """What is read is linted, explained, written, and planned as the emulated host does; errors have a place."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("cpu\n@guest.qvmconf\n")
    (tmp_path / "kernel").write_bytes(ARM_IMAGE)
    texts = [*shipped(), *(drawn(random.Random(seed)).text for seed in range(20))]
    path = tmp_path / "guest.qvmconf"
    read = built = 0
    with fuzzed("changed qvm configurations", count) as run:
        for size in run.batches(20):
            for number in range(size):
                data, release = changed(run.source, texts), RELEASES[number % 3]
                path.write_bytes(data)
                try:
                    with limited():
                        read += try_one(path, release)
                        built += _plans(path, release)
                except BaseException as error:
                    error.add_note(f"{release}: {data!r}")
                    raise
    assert read > count // 4
    assert built > 0


def _plans(path: Path, release: str) -> bool:
    """Whether the host would start it; what is missing as a whole has no place in the text."""
    try:
        config = parse_file(path)
        for problem in validate(config, PROFILES[release]):
            raise problem
        return bool(plan(config, path.parent, PROFILES[release]).arguments)
    except ConfigError as error:
        return not error.qvm_message()
