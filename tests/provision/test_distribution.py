# SPDX-License-Identifier: Apache-2.0
"""Which archive and suite are asked on which machine. The rows are what apt prints on such machines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.provision.distribution import FAMILIES, Family, Target, family_of, sources_for

DEBIAN = FAMILIES["debian"]
UBUNTU = FAMILIES["ubuntu"]


@pytest.fixture
def keyring(tmp_path: Path) -> str:
    """A file that the machine's own sources name as their keyring."""
    file = tmp_path / "keys.gpg"
    file.touch()
    return str(file)


def rows(release: str, site: str, signed_by: str) -> list[Target]:
    """A machine's own suite between its security updates and a vendor's archive."""
    return [
        Target("http://vendor.example/repo", "nodistro", "main", signed_by),
        Target("http://security.example/debian-security", f"{release}-security", "main", signed_by),
        Target("http://vendor.example/for-it", release, "stable", signed_by),
        Target(site, release, "main", signed_by),
    ]


@pytest.mark.parametrize(
    ("family", "codename", "suites", "release"),
    [
        (DEBIAN, "bookworm", "trixie trixie-backports", "trixie-backports"),
        (DEBIAN, "trixie", "trixie trixie-backports", "trixie-backports"),
        (DEBIAN, "forky", "forky", ""),
        (UBUNTU, "noble", "resolute resolute-updates", ""),
        (UBUNTU, "resolute", "resolute", ""),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_the_suite_follows_from_the_release(
    family: Family, codename: str, suites: str, release: str, keyring: str
) -> None:
    made = sources_for(family, codename, rows(codename, "http://mirror.example/archive", keyring))
    assert f"Suites: {suites}\n" in made.text
    assert "URIs: http://mirror.example/archive\n" in made.text
    assert f"Signed-By: {keyring}\n" in made.text
    assert made.release == release


def test_the_keyring_of_the_distribution_serves_where_the_sources_name_none(
    keyring: str,
) -> None:
    bare = replace(DEBIAN, keyring=Path(keyring))
    made = sources_for(bare, "bookworm", rows("bookworm", "http://mirror.example/archive", "$(SIGNED_BY)"))
    assert f"Signed-By: {keyring}\n" in made.text


def test_a_missing_keyring_is_explained() -> None:
    bare = replace(DEBIAN, keyring=Path("/nonexistent.gpg"))
    with pytest.raises(
        HarnessError, match=r"are missing: /nonexistent.gpg\n  remedy: install .* debian-archive-keyring"
    ):
        sources_for(bare, "bookworm", rows("bookworm", "http://mirror.example/archive", "$(SIGNED_BY)"))


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ([], "it has no source at all"),
        (rows("bookworm", "http://a.example", "/k")[:2], "it has http://security.example"),
    ],
)
def test_a_machine_without_the_source_of_its_own_suite(targets: list[Target], said: str) -> None:
    with pytest.raises(HarnessError, match=rf"no source for the suite 'bookworm'; {said}(.|\n)*remedy: add the distr"):
        sources_for(DEBIAN, "bookworm", targets)


@pytest.mark.parametrize(
    ("facts", "family"),
    [
        ({"ID": "debian"}, DEBIAN),
        ({"ID": "ubuntu", "ID_LIKE": "debian"}, UBUNTU),
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, UBUNTU),
    ],
)
def test_the_family_of_a_machine(facts: dict[str, str], family: Family) -> None:
    assert family_of(facts) is family


def test_another_distribution_gets_instructions() -> None:
    with pytest.raises(HarnessError, match=r"this is Fedora Linux 43\n  remedy: install QEMU 10.1 or newer"):
        family_of({"ID": "fedora", "PRETTY_NAME": "Fedora Linux 43"})
