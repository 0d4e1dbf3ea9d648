# SPDX-License-Identifier: Apache-2.0
"""SSH keys of one bench: of its Linux guests and of the harness. Created for every run and not kept.

The guests get theirs in an archive behind the image's own (the kernel unpacks all of them, the later ones over the
earlier). So the image is the same for everybody, and a guest's host key is known before it has started.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from harness.provision.linux.cpio import Cpio

_SECRET_FILE: Final = 0o600
_SECRET_FOLDER: Final = 0o700
_KIND: Final = b"ssh-ed25519"
_SSH_PORT: Final = 22


@dataclass(frozen=True)
class BenchKeys:
    """``keyfile`` is the private key to log in with, ``host_key`` the guests' public key (``ssh-ed25519 AAAA...``)."""

    folder: Path
    keyfile: Path
    host_key: str
    _archive: bytes

    @classmethod
    def create(cls, folder: Path) -> BenchKeys:
        """Make the keys; the secret ones lie in ``folder``, which only this user can read."""
        folder.mkdir(mode=_SECRET_FOLDER, parents=True, exist_ok=True)
        folder.chmod(_SECRET_FOLDER)
        client, host = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        keyfile = folder / "login_ed25519"
        keyfile.touch(mode=_SECRET_FILE)
        keyfile.write_bytes(client.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        return cls(folder, keyfile, _public(host), _archive(host, _public(client)))

    def known_hosts(self, address: str, port: int) -> Path:
        """A file, in the format of OpenSSH, that knows the guest behind this address and no other machine."""
        name = address if port == _SSH_PORT else f"[{address}]:{port}"
        file = self.folder / f"known_hosts-{address}-{port}"
        file.write_text(f"{name} {self.host_key}\n")
        return file

    def initrd(self, image: Path, destination: Path) -> Path:
        """Write the initial RAM file system of a guest of this bench: the image's own, and the keys behind it."""
        temporary = destination.with_name(f".{destination.name}.new")
        temporary.touch(mode=_SECRET_FILE)
        with temporary.open("wb") as file:
            file.write(image.read_bytes())
            file.write(self._archive)
        temporary.replace(destination)
        return destination


def _public(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def _archive(host: Ed25519PrivateKey, authorized: str) -> bytes:
    root = Cpio()
    root.directory("root", _SECRET_FOLDER)
    root.directory("root/.ssh", _SECRET_FOLDER)
    root.file("root/.ssh/authorized_keys", f"{authorized}\n".encode(), _SECRET_FILE)
    root.directory("etc/dropbear", _SECRET_FOLDER)
    root.file("etc/dropbear/dropbear_ed25519_host_key", _dropbear_form(host), _SECRET_FILE)
    return root.serialise()


def _dropbear_form(key: Ed25519PrivateKey) -> bytes:
    """A private key as dropbear stores it: the kind, then secret and public part as one string (its ed25519.c)."""
    secret = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return _string(_KIND) + _string(secret + public)


def _string(data: bytes) -> bytes:
    """As RFC 4251, section 5, has it."""
    return struct.pack(">I", len(data)) + data
