# SPDX-License-Identifier: Apache-2.0
"""The catalogue of requirements, and what its reader says of a broken one."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from harness.shmem.profile import PROFILES
from harness.shmem.requirements import CATALOGUE, CatalogueError, load_requirements


def test_the_catalogue_is_whole() -> None:
    requirements = load_requirements()
    assert len(requirements) == CATALOGUE.read_text().count("\n[REQUIREMENT]\n") == 165
    families = Counter(identifier.rsplit("-", 1)[0] for identifier in requirements)
    assert families == {
        "SHM-ALLOW": 8,
        "SHM-DENY": 5,
        "SHM-MIX": 6,
        "SHM-SUBST": 7,
        "SHM-CREATE": 6,
        "SHM-PERM": 7,
        "SHM-PCI": 3,
        "SHM-MMIO": 7,
        "SHM-FACT": 10,
        "SHM-STAT": 4,
        "SHM-FIND": 2,
        "SHM-CTRL": 5,
        "SHM-NOTIF": 11,
        "SHM-LIFE": 8,
        "SHM-HOST": 4,
        "QVM-CFG": 4,
        "QVM-RUN": 4,
        "SHM-ISOL": 7,
        "SHM-PROF": 10,
        "SHM-OPEN": 33,
        "SHM-PERF": 7,
        "SHM-SYS": 7,
    }
    for family, count in families.items():
        assert [name for name in requirements if name.startswith(family)] == [
            f"{family}-{number:02}" for number in range(1, count + 1)
        ]


def test_every_statement_is_one() -> None:
    requirements = load_requirements()
    assert len({item.text for item in requirements.values()}) == len(requirements)
    for item in requirements.values():
        assert re.fullmatch(r"[A-Z0-9h].*[^.]\.", item.text), item.id
        assert set(item.releases) <= set(PROFILES)
        assert item.group
        assert all(item.sources)
        assert item.text.startswith("Record ") == (item.kind == "characterise"), item.id


def test_one_record_in_full() -> None:
    item = load_requirements()["SHM-MIX-01"]
    assert item.text == (
        "With a deny of a bare name before an allow of the same stem with a star, the bare name is refused."
    )
    assert (item.group, item.releases, item.confidence, item.kind) == (
        "Restrictions list: both kinds",
        ("7.0",),
        "documented",
        "judge",
    )
    assert item.sources == ('User\'s Guide 7.0 "vdev shmem"',)


RECORD = """\
[[SECTION]]
TITLE: Group

[REQUIREMENT]
UID: SHM-ONE-01
RELEASES: 7.0, 8.0
CONFIDENCE: documented
KIND: judge
SOURCE: a; b
STATEMENT: >>>
Two
lines.
<<<

[[/SECTION]]
"""


def test_a_small_catalogue(tmp_path: Path) -> None:
    path = tmp_path / "r.sdoc"
    path.write_text(RECORD)
    (item,) = load_requirements(path).values()
    assert (item.id, item.text, item.sources, item.releases) == ("SHM-ONE-01", "Two lines.", ("a", "b"), ("7.0", "8.0"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("UID: SHM-ONE-01", "UID: shm-1", ":4: 'shm-1' is no identifier"),
        ("UID: SHM-ONE-01\n", "", ":4: requirement has no UID"),
        ("KIND: judge", "KIND: guess", ":4: KIND is 'guess'\n  remedy: choose one of judge, characterise"),
        ("KIND: judge", "KIND: characterise", ":4: a requirement is characterised exactly when its confidence is open"),
        ("CONFIDENCE: documented", "CONFIDENCE: doc", ":4: CONFIDENCE is 'doc'"),
        ("RELEASES: 7.0, 8.0", "RELEASES: 7.0 8.0", ":4: RELEASES is '7.0 8.0'"),
        ("SOURCE: a; b", "SOURCE: a; b\nOWNER: x", ":4: requirement has a field OWNER"),
        ("SOURCE: a; b", "SOURCE: a\nSOURCE: b", ":10: field SOURCE is given twice"),
        ("KIND: judge", "Kind: judge", ":8: 'Kind: judge' is no field"),
        ("<<<\n", "", ":10: the text is not closed"),
        ("\n[[/SECTION]]", "\n" + RECORD.split("\n\n")[1], ":15: requirement SHM-ONE-01 is given twice"),
    ],
)
def test_a_broken_catalogue(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "r.sdoc"
    assert old in RECORD
    path.write_text(RECORD.replace(old, new))
    with pytest.raises(CatalogueError) as caught:
        load_requirements(path)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)


def test_no_catalogue(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="cannot read the catalogue"):
        load_requirements(tmp_path / "none")
