# SPDX-License-Identifier: Apache-2.0
"""How a machine proves over SSH that it is the one that is meant."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import paramiko

from harness.host.errors import PermanentHostError

Check = Literal["known_hosts", "console", "unchecked"]
CHECKS: Final[tuple[Check, ...]] = ("known_hosts", "console", "unchecked")
"""By a file of known keys; by the key that the machine itself shows on its serial console; not at all."""

_FIELDS: Final = 3
_HOW: Final[dict[Check, str]] = {
    "known_hosts": "as in the file of known hosts",
    "console": "as shown on the serial console",
    "unchecked": "NOT CHECKED",
}


@dataclass
class HostKeys:
    """What is known about a machine's keys.

    ``file`` is in the format of OpenSSH's known_hosts; None means the user's own. ``shown`` are public keys as the
    machine's own files have them (``ssh-ed25519 AAAA... comment``).
    """

    check: Check = "known_hosts"
    file: Path | None = None
    shown: list[str] = field(default_factory=list)
    _stranger: paramiko.PKey | None = None

    @property
    def checked_how(self) -> str:
        """Say how the key was checked, for the report."""
        return _HOW[self.check]

    def client(self, host: str, port: int) -> paramiko.SSHClient:
        """A client that accepts the keys that are known for this address. Raises PermanentHostError for bad ones."""
        self._stranger = None
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(_Note(self))
        if self.check == "known_hosts":
            # Unlike Path's own, it leaves the ~ of a user without a home.
            file = self.file or Path(os.path.expanduser("~/.ssh/known_hosts"))  # noqa: PTH111
            for number, line in enumerate(self._lines(file), 1):
                _know(client, line, f"line {number} of the file of known hosts {file}")
        elif self.check == "console":
            for line in self.shown:
                _know(client, f"{_name(host, port)} {line}", "a host key that was shown on the serial console")
        return client

    def _lines(self, file: Path) -> list[str]:
        try:
            return file.read_text().splitlines()
        except FileNotFoundError:
            if self.file is None:
                return []
            raise PermanentHostError(
                f"there is no file of known hosts {file}", remedy=f"ssh-keyscan HOST > {file}, and compare"
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise PermanentHostError(f"the file of known hosts {file} cannot be read: {error}") from error

    def wrong(self, where: str, error: paramiko.BadHostKeyException) -> str:
        """The message for a machine that shows another key than the one that is known."""
        shown, known = error.key, error.expected_key
        return (
            f"{where} shows another host key than the known one: {shown.get_name()} {shown.fingerprint} instead of"
            f" {known.get_name()} {known.fingerprint} ({self.checked_how}). Either the machine was reinstalled, or"
            " this is another machine"
        )

    def unknown(self, where: str) -> str:
        """The message for a machine with an unknown key; empty when that was not the reason."""
        if self._stranger is None:
            return ""
        key = self._stranger
        source = "on the serial console" if self.check == "console" else f"in {self.file or '~/.ssh/known_hosts'}"
        return f"{where} shows a host key that is not known: {key.get_name()} {key.fingerprint} is not {source}"

    @property
    def remedy(self) -> str:
        """What to do about a key that is not the known one."""
        compare = "compare it with what the machine shows on its own console (ssh-keygen -lf of its public key)"
        return compare if self.check == "console" else f"{compare}, then correct the file of known hosts"

    def note(self, key: paramiko.PKey) -> None:
        """Keep the unknown key that was shown, for the message."""
        self._stranger = key


class _Note(paramiko.MissingHostKeyPolicy):
    """Refuses a machine whose key is not known, and keeps the key for the message."""

    def __init__(self, keys: HostKeys) -> None:
        self._keys = keys

    def missing_host_key(self, _client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        if self._keys.check == "unchecked":
            return
        self._keys.note(key)
        raise paramiko.SSHException(f"the key of {hostname} is not known")


def _know(client: paramiko.SSHClient, line: str, where: str) -> None:
    """Add the key of one line of known_hosts to a client. Raises PermanentHostError for a damaged line."""
    line = line.strip()
    # Markers are of certificate authorities and of keys that are not to be believed; paramiko knows neither.
    if not line or line.startswith(("#", "@")):
        return
    try:
        entry = paramiko.hostkeys.HostKeyEntry.from_line(line)
    except (paramiko.hostkeys.InvalidHostKey, paramiko.SSHException, ValueError) as error:
        raise PermanentHostError(f"{where} is damaged: {line!r}") from error
    if entry is None and len(line.split()) < _FIELDS:
        raise PermanentHostError(f"{where} is damaged: {line!r}")
    if entry is None or entry.key is None:  # a kind of key that paramiko does not know
        return
    keys, kind = client.get_host_keys(), entry.key.get_name()
    for name in entry.hostnames or ():
        if kind not in (keys.lookup(name) or {}):
            keys.add(name, kind, entry.key)


def _name(host: str, port: int) -> str:
    return host if port == paramiko.config.SSH_PORT else f"[{host}]:{port}"
