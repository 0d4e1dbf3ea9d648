# SPDX-License-Identifier: Apache-2.0
"""``docs/configuration.md`` says what the code does: its table of profile fields, its codes, its examples."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.cli import main
from harness.shmem.config import parse, shmems_of, validate
from harness.shmem.profile import FIELDS, PROFILES, FieldInfo

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "configuration.md").read_text()


def _row(name: str, info: FieldInfo) -> str:
    number = f"SHM-OPEN-{info.question.number:02}" if info.question.number else "releases"
    readings = ", ".join(f"**`{item}`**" if item == info.default else f"`{item}`" for item in info.readings)
    return f"| `{name}` | {number} | {readings} | {info.question.text} |"


def test_the_table_of_fields_is_the_code_s() -> None:
    table = ["| Field | Question | Readings | Meaning |", "|---|---|---|---|"]
    table += [_row(name, info) for name, info in FIELDS.items()]
    found = DOCUMENT[DOCUMENT.index("| Field |") :].strip().splitlines()
    wrong = [row for row in table if row not in found] or ["every row is there, in another order or beside others"]
    assert found == table, "\n".join(["write these rows into docs/configuration.md:", *wrong])


def test_every_code_is_explained() -> None:
    code = re.compile(r'code="([a-z-]+)"|"([a-z]+(?:-[a-z]+)+|syntax)"\s*\)$', re.MULTILINE)
    sources = [*(ROOT / "harness/shmem/lint").glob("*.py"), *(ROOT / "harness/shmem/config").glob("*.py")]
    codes = {match[1] or match[2] for path in sources for match in code.finditer(path.read_text())}
    assert len(codes) > 30
    assert [name for name in sorted(codes) if f"`{name}`" not in DOCUMENT] == []


def _block(number: int) -> str:
    blocks: list[str] = re.findall(r"^```\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    return blocks[number]


def test_the_example_is_a_good_configuration() -> None:
    config = parse(_block(0))
    assert validate(config, PROFILES["7.0"]) == []
    assert len(shmems_of(config)[0].rules) == 2


def test_the_explanation_is_what_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "guest0.qvmconf").write_text(_block(0))
    monkeypatch.chdir(tmp_path)
    command, _, expected = _block(1).partition("\n")
    assert main(command.split()[2:]) == 0
    assert capsys.readouterr().out == expected
