# SPDX-License-Identifier: Apache-2.0
"""Packages of the distribution, fetched by apt itself under a root of our own: no privileges, nothing installed.

apt resolves, checks signatures and hashes, resumes what a killed run left. The private root (apt.conf(5), ``Dir``) has
its own sources, an empty dpkg status (so that apt counts nothing as installed) and one architecture. The machine's
own apt configuration stays in force for everything else: proxies, credentials, time-outs.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from harness.arch import Arch
from harness.errors import HarnessError
from harness.paths import plain_way
from harness.provision import distribution
from harness.provision.cache import cache_dir, cached, locked, sha256
from harness.provision.notice import notice
from harness.provision.process import ToolError, run, run_showing_progress

_DEBIAN_NAMES: Final[Mapping[Arch, str]] = {"x86_64": "amd64", "aarch64": "arm64"}

_ARCHIVES: Final = "var/cache/apt/archives"
_APT_FOLDERS: Final = (
    "var/lib/dpkg",
    "var/lib/apt/lists/partial",
    "etc/apt/sources.list.d",
    "etc/apt/preferences.d",
)
_RESOLVE_SECONDS: Final = 120
_URI_LINE: Final = re.compile(r"^'(?P<uri>[^']+)' (?P<file>\S+) (?P<size>\d+) SHA256:(?P<sha256>[0-9a-f]{64})$")

_CONFIGURATION: Final = """\
Dir "{root}";
Dir::State::status "{root}/var/lib/dpkg/status";
Dir::Etc::netrc "/etc/apt/auth.conf";
Dir::Etc::netrcparts "/etc/apt/auth.conf.d";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
APT::Architecture "{architecture}";
#clear APT::Architectures;
APT::Architectures {{ "{architecture}"; }};
APT::Default-Release "{release}";
APT::Sandbox::User "root";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::Languages {{ "none"; }};
Acquire::Retries "2";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
APT::Update::Error-Mode "any";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::Cache::Archives "archives/";
"""
"""The sandbox user is switched off because a cache in a home directory is closed to it; apt run by an ordinary user has
none anyway. The hooks are the machine's own business (they clean up its real package cache)."""


@dataclass(frozen=True)
class Package:
    """One fetched package: where it lies, what it is, and the hash that the signed index promises for it."""

    file: Path
    name: str
    version: str
    sha256: str
    source: str
    """The address that apt fetched it from."""


@dataclass(frozen=True)
class Announced:
    """One package as apt announces it: address, file name in its archives folder, hash."""

    uri: str
    file: str
    sha256: str


@dataclass(frozen=True)
class Request:
    """Packages to fetch for one architecture, with everything they depend on, or without."""

    names: tuple[str, ...]
    arch: Arch
    alone: bool = False

    @property
    def architecture(self) -> str:
        """The architecture by Debian's name."""
        return _DEBIAN_NAMES[self.arch]

    @property
    def inputs(self) -> dict[str, str]:
        """What decides which packages these are, as inputs of a cache entry. Asks neither apt nor the network."""
        return {
            "names": " ".join(sorted(self.names)),
            "architecture": self.architecture,
            "archive": distribution.identity(),
            **({"alone": "yes"} if self.alone else {}),
        }


def fetch_packages(names: Sequence[str], arch: Arch) -> list[Path]:
    """The .deb files of these packages and of all they depend on, for this machine's architecture or the other one.

    From the cache, or fetched now. Recommended packages are left out. Raises HarnessError with apt's own message when
    a package does not exist, a signature is wrong, the network or the disk fails.
    """
    return [package.file for package in packages(Request(tuple(names), arch))]


def packages(request: Request) -> list[Package]:
    """As `fetch_packages`, with what is known of each."""
    what = f"packages {', '.join(request.names)} ({request.architecture})"
    entry = cached("packages", request.inputs, lambda folder: _fetch(request, folder), what=what)
    return [Package(**{**fields, "file": entry.path / fields["file"]}) for fields in entry.facts["packages"]]


def _fetch(request: Request, folder: Path) -> Mapping[str, Any]:
    """Fetch into `folder`. Works in a private root that outlives a killed run, so that apt resumes there."""
    where = distribution.sources()
    names, architecture = request.names, request.architecture
    signature = hashlib.sha256(f"{architecture}\n{where.release}\n{where.text}".encode()).hexdigest()[:24]
    root = cache_dir() / "apt" / signature
    root.mkdir(parents=True, exist_ok=True)
    # apt's configuration has no way to write some characters.
    with locked(root.with_name(f"{signature}.lock"), what="the package index") as lock, plain_way(root) as way:
        apt = _private_root(way, architecture, where)
        notice(f"asking the package archive for {', '.join(names)} ({architecture})")
        _apt([*apt, "update"], lock, root)
        install = [*apt, *(["download"] if request.alone else ["install", "--download-only"]), *names]
        announced = _announced(install, root)
        _apt(install, lock, root / _ARCHIVES)
        return {"packages": [_take(package, root / _ARCHIVES, folder) for package in announced]}


def _private_root(root: Path, architecture: str, where: distribution.Sources) -> list[str]:
    """Make the root; returns the apt-get command line that works in it."""
    for name in (*_APT_FOLDERS, f"{_ARCHIVES}/partial"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "var/lib/dpkg/status").touch()
    (root / "etc/apt/sources.list.d/harness.sources").write_text(where.text)
    configuration = root / "apt.conf"
    configuration.write_text(_CONFIGURATION.format(root=root, architecture=architecture, release=where.release))
    return ["apt-get", "-c", str(configuration), "-y", "--no-install-recommends"]


def _apt(command: Sequence[str], lock: int, folder: Path) -> None:
    """Run apt-get where the person sees it, in the folder that ``download`` puts packages into.

    Raises HarnessError that says what to do.
    """
    with _remedied():
        run_showing_progress(command, what="fetching packages", keep_open=lock, folder=folder)


@contextmanager
def _remedied() -> Iterator[None]:
    try:
        yield
    except ToolError as error:
        error.remedy = _remedy(error.output)
        raise


def _remedy(output: str) -> str:
    if "NO_PUBKEY" in output or "is not signed" in output:
        return "bring the keyring of the distribution's archive up to date (Debian: debian-archive-keyring)"
    if "Unable to locate package" in output or "has no installation candidate" in output:
        return (
            f"the archive has no such package; {distribution.SOURCES_OVERRIDE} can name another (docs/provisioning.md)"
        )
    return "check the network and the sources of this machine's apt, then start again: what was fetched so far is kept"


def _announced(install: Sequence[str], empty: Path) -> list[Announced]:
    """What apt would fetch, with the hashes of the signed index.

    It names everything because it finds no package, neither in its archives folder nor (``download``) where it runs.
    """
    with _remedied():
        listing = run(
            [*install, "--print-uris", "-o", "Dir::Cache::Archives=none/", "-o", "Acquire::ForceHash=SHA256"],
            what="resolving packages",
            timeout=_RESOLVE_SECONDS,
            folder=empty,
        )
    matches = (_URI_LINE.match(line) for line in listing.splitlines())
    return [Announced(match["uri"], match["file"], match["sha256"]) for match in matches if match]


def _take(announced: Announced, archives: Path, folder: Path) -> dict[str, str]:
    """Put one package into `folder`; raises HarnessError when it is not the one that the index promised."""
    address = urlsplit(announced.uri)
    # apt leaves packages of a file: archive where they are; ``download`` makes a copy.
    fetched = Path(unquote(address.path)) if address.scheme == "file" else archives / announced.file
    stored = folder / announced.file
    shutil.copyfile(fetched, stored)
    (archives / announced.file).unlink(missing_ok=True)
    if sha256(stored) != announced.sha256:
        raise HarnessError(f"{announced.file} does not match the package index", remedy="start again")
    name, version, _ = (unquote(part) for part in announced.file.removesuffix(".deb").split("_"))
    return {
        "file": announced.file,
        "name": name,
        "version": version,
        "sha256": announced.sha256,
        "source": announced.uri,
    }
