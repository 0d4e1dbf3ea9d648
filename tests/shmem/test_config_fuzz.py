# SPDX-License-Identifier: Apache-2.0
"""Any file gives a configuration, or an error with file and line; a configuration survives writing and reading."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jinja2
import pytest

from harness.shmem.config import ConfigError, VmConfig, parse, parse_file, render, shmems_of
from harness.shmem.explanation import as_json, as_text, explain
from harness.shmem.lint import lint
from harness.shmem.profile import PROFILES
from tests.shmem.test_config_language import EXAMPLE
from tests.shmem.test_not_understood import ACCEPTED, OPEN, VARIABLES

ROOT = Path(__file__).parents[2]
SECONDS_OF_CPU = 10
"""For one input; a hundred times what the slowest takes, so it means a hang on any machine."""
PIECES = [
    *("system", "ram", "rom", "cpu", "vdev", "pass", "reserve", "load", "initrd", "fdt", "set", "cmdline", "logger"),
    *("shmem", "vdev-shmem-safety.so", "pl011", "gic", "acme", "loc", "intr", "allow", "deny", "subst", "create"),
    *("umask", "gid", "sched", "name", "hostdev", "io", "mem:", "pci:", "gic:40", "0x1000", "4k", "010", "$x", "${y}"),
    *(
        "$start{ram}",
        '"',
        '\\"',
        "\\",
        "\\\n",
        "#",
        "\n",
        "\n    ",
        "\t",
        "\r\n",
        "\r",
        "\f",
        ",",
        "*",
        "?",
        "[a-",
        "]",
    ),
    *("@", "@file", "\0", "\x1b", "\ufeff", "é", "€", "😀", "'", "=", ":", "18446744073709551616", "-1", "0x", " "),
]


def shipped() -> list[str]:
    """The texts that are changed: the templates of the benches as far as they need no bench, and this folder's own."""
    texts = [EXAMPLE, *(text for text, _ in ACCEPTED), *OPEN, *(text for text, _ in VARIABLES)]
    for path in sorted(ROOT.glob("targets/**/*.qvmconf.j2")):
        template = jinja2.Environment(undefined=jinja2.ChainableUndefined).from_string(path.read_text())
        texts.append(template.render(system="g", shmem="vdev shmem\n    allow a*\n    deny b\n", disks=[], nets=[]))
    return texts


def changed(source: random.Random, texts: list[str]) -> bytes:
    """One of the texts with some changes."""
    text = source.choice(texts)
    for _ in range(source.choice([1, 1, 2, 3, 6, 12])):
        at = source.randrange(len(text) + 1)
        match source.randrange(7):
            case 0:
                text = text[:at] + source.choice(PIECES) + text[at:]
            case 1:
                text = text[:at] + text[at + source.randrange(1, 9) :]
            case 2:
                text = text[:at] + " " + source.choice(PIECES) + " " + text[at:]
            case 3:
                other = source.choice(texts)
                text = text[:at] + other[source.randrange(len(other) + 1) :]
            case 4:
                text = text.replace("\n", source.choice([" ", "\r\n", "\r", "\n\n    "]))
            case 5:
                lines = text.split("\n")
                source.shuffle(lines)
                text = "\n".join(lines)
            case _:
                text = text[:at] + text[at : at + 20] * source.randrange(1, 30) + text[at:]
    data = text.encode("utf-8", "surrogateescape")
    if source.randrange(10) == 0 and data:
        at = source.randrange(len(data))
        data = data[:at] + bytes([source.randrange(256)]) + data[at + 1 :]
    return data


@contextmanager
def limited() -> Iterator[None]:
    """No more than so much time of the processor."""

    def hangs(*_: object) -> None:
        raise AssertionError(f"no answer after {SECONDS_OF_CPU} seconds of the processor")

    before = signal.signal(signal.SIGVTALRM, hangs)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS_OF_CPU)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def check(error: ConfigError) -> None:
    """An error says where and what."""
    assert error.position.file, error
    assert error.position.line > 0, error
    assert error.problem, error


def read(path: Path) -> VmConfig | None:
    """The configuration, or None for one that cannot be read."""
    try:
        return parse_file(path)
    except ConfigError as error:
        check(error)
        return None


def try_one(path: Path, release: str) -> bool:
    """Read, check, explain and write one file; whether it could be read."""
    profile = PROFILES[release]
    config = read(path)
    if config is None:
        return False
    for finding in lint(config, profile):
        assert finding.position.file, finding
        assert finding.position.line > 0, finding
    for index, vdev in enumerate(shmems_of(config)):
        try:
            explanation = explain(vdev, index, "region", profile)
        except ConfigError as error:
            check(error)
            continue
        assert list(as_text(explanation))
        assert as_json(explanation)
    try:
        text = render(config)
    except ConfigError:
        return True
    assert parse(text) == config, text
    return True


def fuzz(folder: Path, seed: int, count: int) -> int:
    """Try so many files; how many of them could be read."""
    source = random.Random(seed)
    texts = shipped()
    path = folder / "guest.qvmconf"
    readable = 0
    for number in range(count):
        data = changed(source, texts)
        path.write_bytes(data)
        try:
            with limited():
                readable += try_one(path, ("7.0", "7.1", "8.0")[number % 3])
        except BaseException as error:
            error.add_note(f"seed {seed}, number {number}: {data!r}")
            raise
    return readable


def test_some_changed_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("cpu\n@guest.qvmconf\n")
    assert fuzz(tmp_path, 1, 600) > 200


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 12))
def test_many_changed_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Twenty thousand in all."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("cpu\n@guest.qvmconf\n")
    assert fuzz(tmp_path, seed, 2000) > 600


SPECIAL = [
    (b"system g", True),
    (b"\n" * (1 << 20), True),
    (b"# " + b"x" * (1 << 20), True),
    (b"vdev shmem " + b"allow a* " * 10_000, True),
    (b'cmdline "' + b"a" * (1 << 20), False),
    (b'cmdline "' + b'\\"' * (1 << 19) + b'"', True),
    (b"ram " + b"9" * 100_000, False),
    (b"ram 0x" + b"f" * 100_000, False),
    (b"vdev shmem allow " + b"*a" * 50_000, True),
    (b"vdev shmem allow " + b"[" * 50_000, True),
    (b"vdev shmem allow " + b"[[:alpha:]" * 10_000, True),
    (b"x" * (1 << 20), True),
    (b"$x" * 100_000, True),
    (b"system ${" + b"a" * 100_000, True),
    (bytes(range(256)) * 100, False),
]


@pytest.mark.parametrize("number", range(len(SPECIAL)))
def test_large_and_odd_files(tmp_path: Path, number: int) -> None:
    data, readable = SPECIAL[number]
    (tmp_path / "guest.qvmconf").write_bytes(data)
    with limited():
        assert try_one(tmp_path / "guest.qvmconf", "7.0") == readable
