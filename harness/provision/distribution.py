# SPDX-License-Identifier: Apache-2.0
"""Which package archive to ask: the one this machine is configured for, at a suite whose QEMU is new enough.

The site comes from apt's own configuration, so a company's mirror is used where there is one; only the suite is ours.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.errors import HarnessError
from harness.provision.process import run

SOURCES_OVERRIDE: Final = "SHMEM_HARNESS_APT_SOURCES"
"""Environment variable: a file in apt's deb822 format to use in place of what this module works out."""

_LISTING_SECONDS: Final = 60


@dataclass(frozen=True)
class Family:
    """A distribution: its archive's layout, and where to look when the machine's own release is too old.

    ``old_releases`` are the code names whose own QEMU is older than 10.1; for them ``suites`` is used, and ``release``
    names the one of these that apt must prefer explicitly (backports are not preferred by themselves). A machine
    with any other code name is newer than this list and uses its own suite.
    """

    name: str
    keyring: Path
    keyring_package: str
    components: str
    old_releases: frozenset[str]
    suites: tuple[str, ...]
    release: str


FAMILIES: Final = {
    "debian": Family(
        name="debian",
        keyring=Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
        keyring_package="debian-archive-keyring",
        components="main",
        old_releases=frozenset({"buster", "bullseye", "bookworm", "trixie"}),
        suites=("trixie", "trixie-backports"),
        release="trixie-backports",
    ),
    "ubuntu": Family(
        name="ubuntu",
        keyring=Path("/usr/share/keyrings/ubuntu-archive-keyring.gpg"),
        keyring_package="ubuntu-keyring",
        components="main universe",
        old_releases=frozenset({"focal", "jammy", "noble", "oracular", "plucky"}),
        suites=("resolute", "resolute-updates"),
        release="",
    ),
}


@dataclass(frozen=True)
class Target:
    """One package index that apt on this machine is configured for."""

    site: str
    release: str
    component: str
    signed_by: str


@dataclass(frozen=True)
class Sources:
    """Text for apt's ``sources.list.d`` (deb822), and the release to prefer ("" for none)."""

    text: str
    release: str


def identity() -> str:
    """Which archive `sources` would name, without asking apt: the text of the override, or the suites.

    The mirror is not part of it: all mirrors of a suite have the same packages.
    """
    override = os.environ.get(SOURCES_OVERRIDE)
    if override:
        return _read_override(Path(override))
    facts = platform_facts()
    family = family_of(facts)
    return f"{family.name} {' '.join(_suites(family, facts.get('VERSION_CODENAME', '')))}"


def sources() -> Sources:
    """What apt shall be asked. Raises HarnessError on a machine that has no apt, or another distribution's."""
    override = os.environ.get(SOURCES_OVERRIDE)
    if override:
        return Sources(_read_override(Path(override)), release="")
    facts = platform_facts()
    family = family_of(facts)
    return sources_for(family, facts.get("VERSION_CODENAME", ""), configured_targets())


def platform_facts() -> Mapping[str, str]:
    """The fields of os-release(5); empty where there is none."""
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def family_of(facts: Mapping[str, str]) -> Family:
    """The family that this os-release belongs to. Raises HarnessError for any other distribution."""
    for name in (facts.get("ID", ""), *facts.get("ID_LIKE", "").split()):
        if name in FAMILIES:
            return FAMILIES[name]
    raise HarnessError(
        f"packages can be fetched on Debian and Ubuntu only; this is {facts.get('PRETTY_NAME', 'neither')}",
        remedy="install QEMU 10.1 or newer with vfio-user-pci for both architectures and put it on PATH,"
        f" or name a Debian mirror in a file and set {SOURCES_OVERRIDE} to it (docs/provisioning.md)",
    )


def configured_targets() -> list[Target]:
    """The package indexes of this machine's apt. Needs no ``apt-get update`` to have been run."""
    listing = run(
        [
            "apt-get",
            "indextargets",
            "--no-release-info",
            "--format",
            "$(SITE)|$(RELEASE)|$(COMPONENT)|$(SIGNED_BY)",
            "Created-By: Packages",
        ],
        what="asking apt for its mirror",
        timeout=_LISTING_SECONDS,
    )
    rows = [line.split("|") for line in listing.splitlines() if line.count("|") == 3]
    return list(dict.fromkeys(Target(*row) for row in rows))


def sources_for(family: Family, codename: str, targets: Sequence[Target]) -> Sources:
    """The sources for a machine of this family and code name whose apt knows these indexes (pure)."""
    own = _own_archive(codename, targets)
    suites = _suites(family, codename)
    fields = {
        "Types": "deb",
        "URIs": own.site,
        "Suites": " ".join(suites),
        "Components": family.components,
        "Targets": "Packages",
        "Signed-By": _keyring(family, own),
    }
    text = "".join(f"{name}: {value}\n" for name, value in fields.items())
    return Sources(text, release=family.release if family.release in suites else "")


def _suites(family: Family, codename: str) -> tuple[str, ...]:
    newer = bool(codename) and codename not in family.old_releases
    return (codename,) if newer else family.suites


def _own_archive(codename: str, targets: Sequence[Target]) -> Target:
    """The index of the distribution itself, not of its security updates and not of other vendors."""
    for target in targets:
        if target.release == codename and target.component == "main":
            return target
    known = ", ".join(sorted({f"{target.site} {target.release}" for target in targets})) or "no source at all"
    raise HarnessError(
        f"apt on this machine has no source for the suite {codename or '(os-release names none)'!r}; it has {known}",
        remedy="add the distribution's own source to /etc/apt/sources.list.d,"
        f" or set {SOURCES_OVERRIDE} to a file with one (docs/provisioning.md)",
    )


def _keyring(family: Family, own: Target) -> str:
    """The distribution's keyring, or the one that this machine trusts for its mirror."""
    if own.signed_by.startswith("/") and Path(own.signed_by).is_file():
        return own.signed_by
    if family.keyring.is_file():
        return str(family.keyring)
    raise HarnessError(
        f"the keys of the distribution's archive are missing: {family.keyring}",
        remedy=f"install the package {family.keyring_package}",
    )


def _read_override(file: Path) -> str:
    try:
        return file.read_text()
    except OSError as error:
        raise HarnessError(
            f"{SOURCES_OVERRIDE} names {file}, which cannot be read: {error.strerror}",
            remedy="correct the variable, or unset it to use the sources of this machine's apt",
        ) from error
