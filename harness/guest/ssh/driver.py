# SPDX-License-Identifier: Apache-2.0
"""A machine's shell and files over SSH, as a labgrid driver."""

from __future__ import annotations

import hashlib
import posixpath
import secrets
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attr
import paramiko
from labgrid.driver import Driver
from labgrid.driver.commandmixin import CommandMixin
from labgrid.factory import target_factory
from labgrid.protocol import CommandProtocol, FileTransferProtocol
from labgrid.resource import NetworkService

from harness.console.buffer import ConsoleBuffer, ConsoleLog
from harness.errors import BenchError
from harness.guest.ssh.channel import SshTransport, wait_readable
from harness.guest.ssh.forward import forwarded
from harness.guest.ssh.ready import wait_for_server
from harness.host.hostkeys import HostKeys
from harness.host.sftp import replace
from harness.host.sockets import exit_status
from harness.host.ssh import SshAddress, SshConnection, SshLogin, SshLostError
from harness.host.typed import active, stepped

_CHUNK_BYTES: Final = 65536
_HASH_SECONDS: Final = 60.0


class CommandTimeoutError(BenchError):
    """A command did not end in its time; it was ended."""


class DamagedFileError(BenchError):
    """A file that was transferred is another one at its destination."""


@target_factory.reg_driver
@attr.s(eq=False)
class ShmemSSHDriver(CommandMixin, Driver, CommandProtocol, FileTransferProtocol):  # type: ignore[misc]
    """Commands and files over one SSH connection, which is made when the driver is activated.

    Args:
        keyfile (str): private key to log in with, none by default
        known_hosts (str): file with the machine's host key; by default the user's own
        agent (bool): whether the keys of the user's SSH agent are tried too
        connect_seconds (float): how long to wait for the server
    """

    bindings = {"service": NetworkService}  # noqa: RUF012 - labgrid's own form

    keyfile: str = attr.ib(default="", validator=attr.validators.instance_of(str))
    known_hosts: str = attr.ib(default="", validator=attr.validators.instance_of(str))
    agent: bool = attr.ib(default=False, validator=attr.validators.instance_of(bool))
    connect_seconds: float = attr.ib(default=30.0, validator=attr.validators.instance_of(float))

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.meanwhile: Callable[[], None] = lambda: None
        """Called again and again while the server is waited for; what it raises ends the wait."""
        service = self.service
        self._ssh = SshConnection(
            self.target.name,
            SshAddress(service.address, service.port, service.username),
            SshLogin(Path(self.keyfile) if self.keyfile else None, self.agent, service.password),
            HostKeys("known_hosts", Path(self.known_hosts) if self.known_hosts else None),
        )

    def on_activate(self) -> None:
        """Connect. Raises SshUnreachableError or SshRefusedError with the reason."""
        deadline = time.monotonic() + self.connect_seconds
        wait_for_server(self._ssh.address, self.target.name, self.connect_seconds, self.meanwhile)
        self._ssh.connect(max(1.0, deadline - time.monotonic()))

    def on_deactivate(self) -> None:
        """Close the connection with everything in it."""
        self._ssh.close()

    @active
    def get_status(self) -> int:
        """1 while the connection is there, 0 when it was lost."""
        return int(self._ssh.connected)

    @active
    @stepped(["cmd"])
    def run(
        self, cmd: str, timeout: float = 30.0, codec: str = "utf-8", decodeerrors: str = "strict"
    ) -> tuple[list[str], list[str], int]:
        """Run shell text; returns the lines of its output and of its errors, and its exit status.

        Raises CommandTimeoutError after ``timeout`` seconds, when everything that it started has been ended, and
        SshLostError when the connection breaks.
        """
        return self._run(cmd, timeout=timeout, codec=codec, decodeerrors=decodeerrors)

    def _run(
        self, cmd: str, *, timeout: float = 30.0, codec: str = "utf-8", decodeerrors: str = "strict"
    ) -> tuple[list[str], list[str], int]:
        channel = self._ssh.open(_endable(cmd), merged=False)
        deadline = time.monotonic() + timeout
        try:
            output, errors = self._streams(channel, cmd, deadline, timeout)
            status = exit_status(channel, deadline)
        finally:
            channel.close()
        if status is None:
            raise SshLostError(f"{self.target.name}: the connection was lost during {cmd!r}")
        return output.decode(codec, decodeerrors).splitlines(), errors.decode(codec, decodeerrors).splitlines(), status

    def _streams(
        self, channel: paramiko.Channel, cmd: str, deadline: float, timeout: float
    ) -> tuple[bytearray, bytearray]:
        """Everything that a command writes, until it has ended."""
        output, errors = bytearray(), bytearray()
        while wait_readable(channel, deadline):
            if channel.recv_ready():
                output += channel.recv(_CHUNK_BYTES)
            elif channel.recv_stderr_ready():
                errors += channel.recv_stderr(_CHUNK_BYTES)
            elif channel.eof_received or channel.closed:
                return output, errors
        said = (output + errors).decode("utf-8", "backslashreplace").strip()
        lines = "\n".join(f"  | {line}" for line in said.splitlines()[-20:]) or "  | (nothing)"
        raise CommandTimeoutError(
            f"{self.target.name}: {cmd!r} did not end within {timeout:g} s and was ended; it said:\n{lines}"
        )

    @active
    @stepped(["filename", "remotepath"])
    def put(self, filename: str, remotepath: str) -> None:
        """Put a file on the machine, whole or not at all; a folder (with a ``/`` at the end) keeps the file's name.

        It is written under a temporary name, verified there by SHA-256, and renamed. Raises BenchError.
        """
        source = Path(filename)
        path = remotepath + source.name if remotepath.endswith("/") else remotepath
        temporary = f"{posixpath.dirname(path) or '.'}/.{posixpath.basename(path)}.{secrets.token_hex(4)}.new"
        sftp = self._ssh.sftp()
        with self._ssh.translated(f"the upload of {source.name}"):
            try:
                # Its own check looks at the size, with an error of its own for each server: the hash says more.
                sftp.put(filename, temporary, confirm=False)
                self._compare(temporary, source)
                sftp.chmod(temporary, source.stat().st_mode & 0o777)
                replace(sftp, temporary, path)
            except (OSError, BenchError) as error:
                self._remove(sftp, temporary)
                if isinstance(error, BenchError) or not self._ssh.connected:
                    raise
                raise BenchError(f"{self.target.name}: {filename} could not be uploaded to {path}: {error}") from error

    @active
    @stepped(["filename", "destination"])
    def get(self, filename: str, destination: str = ".") -> None:
        """Get a file from the machine, whole or not at all, compared by SHA-256. Raises BenchError."""
        path = Path(destination)
        path = path / posixpath.basename(filename) if path.is_dir() else path
        if not path.parent.is_dir():
            raise BenchError(f"the folder {path.parent} for the download of {filename} does not exist")
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
        with self._ssh.translated(f"the download of {filename}"):
            try:
                self._ssh.sftp().get(filename, str(temporary))
                self._compare(filename, temporary)
                temporary.replace(path)
            except FileNotFoundError as error:
                raise BenchError(f"{self.target.name} has no file {filename}") from error
            except OSError as error:
                if isinstance(error, TimeoutError) or not self._ssh.connected:
                    raise
                raise BenchError(
                    f"{self.target.name}: {filename} could not be downloaded to {path}: {error}"
                ) from error
            finally:
                temporary.unlink(missing_ok=True)

    @active
    @contextmanager
    def forward(self, port: int) -> Iterator[int]:
        """Gives a port on loopback that leads to ``port`` of the machine, for as long as the context lasts."""
        with forwarded(self._ssh, port) as near:
            yield near

    @active
    def transport(self, command: str, log: Path, name: str = "") -> SshTransport:
        """Start a program and keep talking with it (``harness.guest.probe.Transport``); everything goes to ``log``.

        Close it to end the program.
        """
        name = name or self.target.name
        return SshTransport(self._ssh.open(f"exec {command}"), ConsoleBuffer(name, ConsoleLog(log, name)))

    def _compare(self, remote: str, local: Path) -> None:
        """Raise DamagedFileError unless a file there and a file here are the same."""
        output, errors, status = self._run(f"sha256sum {shlex.quote(remote)}", timeout=_HASH_SECONDS)
        if status:
            raise BenchError(f"{self.target.name}: {remote} cannot be read back: {' '.join(errors)}")
        with local.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if output[0].split()[0] != digest:
            raise DamagedFileError(f"{self.target.name}: {remote} differs from {local} after the upload")

    def _remove(self, sftp: paramiko.SFTPClient, path: str) -> None:
        """Leave nothing of a transfer that failed, if the machine can still be asked."""
        if self._ssh.connected:
            try:
                sftp.remove(path)
            except FileNotFoundError:
                return


def _endable(command: str) -> str:
    """Shell text that runs ``command`` and ends it, with all that it has started, when the connection ends before it.

    A server that loses a client closes the standard input of what that client has started and does no more. So the
    command runs, in a session of its own, beside a reader of that input, whose end is the alarm.
    """
    return (
        "exec 3<&0; "
        f"setsid sh -c {shlex.quote(command)} </dev/null 3<&- & pid=$!; "
        "{ cat <&3; kill -s KILL -- -$pid; } >/dev/null 2>&1 & guard=$!; "
        "exec 3<&-; "
        "wait $pid; status=$?; kill $guard 2>/dev/null; exit $status"
    )
