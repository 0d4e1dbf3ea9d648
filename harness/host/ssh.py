# SPDX-License-Identifier: Apache-2.0
"""One SSH connection to a machine of the bench (paramiko): checked, kept alive, and never waited for without an end.

Waits are measured by the monotonic clock and by the kernel's poll. paramiko's own time-outs go by the wall clock, and a
clock that is set back would make them hours long.
"""

from __future__ import annotations

import contextlib
import logging
import shlex
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import paramiko

from harness.errors import BenchError
from harness.host.errors import PermanentHostError
from harness.host.hostkeys import HostKeys
from harness.host.keyfile import KEY_ERRORS, load_key
from harness.host.sftp import Transfer
from harness.host.sockets import MOST_BYTES, SILENCE_MILLISECONDS, exit_status, receive, silent_socket
from harness.narrow import present

# What it has to say of sessions that are refused and of connections that break comes as an exception, too.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)

_KEEPALIVE_SECONDS: Final = 5
_STEP_SECONDS: Final = 10.0
"""For each of: the first bytes of the server, the authentication, a new channel."""


class SshUnreachableError(BenchError):
    """No answer, or not yet; a retry makes sense while a machine boots."""


class SshRefusedError(PermanentHostError):
    """The machine does not want our login, or we do not believe that it is the machine that is meant."""


class SshLostError(BenchError):
    """The connection broke in the middle of something."""


class SessionsError(BenchError):
    """The machine lets us open no further session, on no further connection either."""


@dataclass(frozen=True)
class SshAddress:
    """Where to connect, and as whom."""

    host: str
    port: int
    user: str

    def __str__(self) -> str:
        return f"{self.user}@{self.host}:{self.port}"


@dataclass(frozen=True)
class SshLogin:
    """How to log in: with a key from a file, a key of the agent, or a password, tried in this order."""

    keyfile: Path | None = None
    agent: bool = True
    password: str | None = None


@dataclass(frozen=True)
class CommandResult:
    """What a command left: its exit status, and its output and errors in the order in which they came."""

    status: int
    output: str


class SshConnection:
    """A connection that is there or not. Use from several threads is safe, except for connecting and closing.

    ``name`` is how messages call the machine, ``environment`` has variables that every command gets.
    """

    def __init__(
        self,
        name: str,
        address: SshAddress,
        login: SshLogin,
        keys: HostKeys,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.address = address
        self._login = login
        self._keys = keys
        # Set by the shell: a server takes variables from a client only where its settings name them.
        variables = (f"export {name}={shlex.quote(value)}; " for name, value in (environment or {}).items())
        self._exports = "".join(variables)
        self._client: paramiko.SSHClient | None = None
        self._more: list[paramiko.SSHClient] = []
        """Further connections to the same server, where one does not give enough sessions (its ``MaxSessions``)."""
        self._lock = threading.Lock()
        self._sftp: paramiko.SFTPClient | None = None

    def connect(self, timeout: float) -> None:
        """Connect, if it is not connected. Raises SshUnreachableError or SshRefusedError, with the reason."""
        if self.connected:
            return
        self.close()
        key = self._login_key()
        client = self._keys.client(self.address.host, self.address.port)
        try:
            self._connect(client, key, timeout)
        except BaseException:
            client.close()
            raise
        self._client = client

    def _login_key(self) -> paramiko.PKey | None:
        """The private key of the login.

        Given the file's name, paramiko tries every kind of key on it, and the last kind's error would hide the reason.
        """
        file = self._login.keyfile
        if file is None:
            return None
        if not file.is_file():
            raise SshRefusedError(f"there is no key file {file} for {self.name}")
        try:
            return load_key(file, self._login.password)
        except KEY_ERRORS as error:
            raise SshRefusedError(
                f"the key file {file} for {self.name} cannot be used: {_reason(error)}",
                remedy="name a private key (RSA, ECDSA or Ed25519) in the target file; one with a passphrase only if"
                " that is the password there",
            ) from error

    def _connect(self, client: paramiko.SSHClient, key: paramiko.PKey | None, timeout: float) -> None:
        address, where = self.address, f"{self.name} ({self.address})"
        step = min(timeout, _STEP_SECONDS)
        try:
            client.connect(
                address.host,
                address.port,
                address.user,
                sock=silent_socket(address.host, address.port, step),
                pkey=key,
                allow_agent=self._login.agent,
                look_for_keys=False,
                password=self._login.password,
                banner_timeout=step,
                auth_timeout=step,
                channel_timeout=_STEP_SECONDS,
            )
        except paramiko.BadHostKeyException as error:
            raise SshRefusedError(self._keys.wrong(where, error), remedy=self._keys.remedy) from error
        except paramiko.AuthenticationException as error:
            if "timeout" in str(error).lower():
                raise SshUnreachableError(f"{where} did not answer the login within {step:g} s") from error
            raise SshRefusedError(f"{where} refuses the login: {error}", remedy=self._login_remedy()) from error
        except (paramiko.SSHException, OSError, EOFError) as error:
            if "No authentication methods" in str(error):
                raise SshRefusedError(f"there is no way to log in to {where}", remedy=self._login_remedy()) from error
            if unknown := self._keys.unknown(where):
                raise SshRefusedError(unknown, remedy=self._keys.remedy) from error
            raise SshUnreachableError(f"{where} cannot be reached over SSH: {_reason(error)}") from error
        present(client.get_transport()).set_keepalive(_KEEPALIVE_SECONDS)

    def _login_remedy(self) -> str:
        tried = [f"the key {self._login.keyfile}"] if self._login.keyfile else []
        tried += ["the keys of the SSH agent"] if self._login.agent else []
        tried += ["the password of the target file"] if self._login.password else []
        return f"tried {', '.join(tried) or 'nothing'}; put a key into the account's authorized_keys on the machine"

    @property
    def connected(self) -> bool:
        """Whether the connection is there, as far as is known."""
        transport = self._client.get_transport() if self._client else None
        return transport is not None and transport.is_active()

    @property
    def server(self) -> str:
        """What the server calls itself."""
        return self._transport().remote_version

    def host_key(self) -> str:
        """Kind and SHA-256 fingerprint of the server's key, and how it was checked."""
        key = self._transport().get_remote_server_key()
        return f"{key.get_name()} {key.fingerprint}, {self._keys.checked_how}"

    def close(self) -> None:
        """Close the connection with everything in it. May be called in any state."""
        client, self._client, self._sftp = self._client, None, None
        more, self._more = self._more, []
        for each in (*more, client):
            if each:
                each.close()

    def open(self, command: str, *, merged: bool = True) -> paramiko.Channel:
        """Start ``command`` in a shell of the machine, output and errors as one stream or two. Raises SshLostError."""
        with self.translated("a new channel"):
            channel = self._session()
            channel.set_combine_stderr(merged)
            with self._answered(channel, "start a command"):
                channel.exec_command(f"{self._exports}exec sh -c {shlex.quote(command)}")
        return channel

    def _session(self) -> paramiko.Channel:
        """A new session, on a further connection where the others have as many as the server grants.

        Raises SessionsError when a connection of its own does not get one either.
        """
        with self._lock:
            for transport in (self._transport(), *self._further()):
                with contextlib.suppress(paramiko.ChannelException):
                    return transport.open_session(timeout=_STEP_SECONDS)
            try:
                return self._one_more().open_session(timeout=_STEP_SECONDS)
            except (paramiko.ChannelException, SshUnreachableError, SshRefusedError) as error:
                raise SessionsError(
                    f"{self.name} grants no further SSH session: {_reason(error)}; there are {1 + len(self._more)}"
                    " connections",
                    remedy="raise MaxSessions and MaxStartups in the sshd_config of the host",
                ) from error

    def _further(self) -> Iterator[paramiko.Transport]:
        for client in self._more:
            transport = client.get_transport()
            if transport is not None and transport.is_active():
                yield transport

    def _one_more(self) -> paramiko.Transport:
        client = self._keys.client(self.address.host, self.address.port)
        try:
            self._connect(client, self._login_key(), _STEP_SECONDS)
        except BaseException:
            client.close()
            raise
        self._more.append(client)
        return present(client.get_transport())

    @contextmanager
    def _answered(self, channel: paramiko.Channel, what: str) -> Iterator[None]:
        """A limit for a request on a channel: paramiko waits for an answer without one, but not on a closed channel."""
        late = threading.Event()

        def give_up() -> None:
            late.set()
            channel.close()

        alarm = threading.Timer(_STEP_SECONDS, give_up)
        alarm.daemon = True
        alarm.start()
        try:
            yield
        except paramiko.SSHException as error:
            if late.is_set():
                raise SshLostError(f"{self.name} did not {what} within {_STEP_SECONDS:g} s over SSH") from error
            raise
        finally:
            alarm.cancel()

    def tunnel(self, port: int) -> paramiko.Channel:
        """A connection to a port of the machine itself, through this one. Raises SshLostError, also when refused."""
        with self.translated(f"a connection to port {port}"):
            return self._transport().open_channel(
                "direct-tcpip", ("127.0.0.1", port), ("127.0.0.1", 0), timeout=_STEP_SECONDS
            )

    def run(self, arguments: Sequence[str], timeout: float) -> CommandResult:
        """Run a program to its end. Raises SshLostError, or BenchError after ``timeout`` seconds; it is ended then."""
        words = shlex.join(arguments)
        return self._run(guarded(f"exec {words}", "KILL"), words, timeout)

    def run_builtin(self, text: str, timeout: float) -> CommandResult:
        """Run shell text of builtin commands alone, which must end by itself: nothing guards it.

        So it also works where the programs that a guard needs are missing. Raises as ``run`` does.
        """
        return self._run(text, text, timeout)

    def _run(self, text: str, words: str, timeout: float) -> CommandResult:
        channel = self.open(text)
        try:
            return self._finish(channel, words, time.monotonic() + timeout, timeout)
        finally:
            channel.close()

    def _finish(self, channel: paramiko.Channel, words: str, deadline: float, timeout: float) -> CommandResult:
        output = bytearray()
        while data := receive(channel, deadline):
            output += data
            if len(output) > MOST_BYTES:
                raise BenchError(f"{self.name}: {words!r} says more than {MOST_BYTES} bytes:\n{_text(output[:200])}")
        if data is None:
            text = _text(output)
            raise BenchError(f"{self.name}: {words!r} did not end within {timeout:g} s; it said:\n{text}")
        status = exit_status(channel, deadline)
        if status is None:
            # A server says that the output has ended before it says which signal has ended the shell.
            what = "a signal ended" if channel.eof_received else "the connection was lost during"
            raise SshLostError(f"{self.name}: {what} {words!r}; it said:\n{_text(output)}")
        return CommandResult(status, output.decode("utf-8", "replace"))

    def sftp(self) -> paramiko.SFTPClient:
        """File transfer over the same connection. Raises SshLostError."""
        if self._sftp is None:
            with self.translated("file transfer"):
                channel = self._session()
                # Before the first word: a server that has stopped says none.
                channel.settimeout(SILENCE_MILLISECONDS / 1000)
                with self._answered(channel, "begin file transfer (SFTP)"):
                    channel.invoke_subsystem("sftp")
                self._sftp = Transfer(channel)
        return self._sftp

    @contextmanager
    def translated(self, what: str) -> Iterator[None]:
        """Turns what paramiko raises into SshLostError, or into BenchError for what the machine has refused."""
        try:
            yield
        except (paramiko.SSHException, paramiko.SFTPError, EOFError, OSError) as error:
            reason = _reason(error)
            if isinstance(error, OSError) and self.refused(error):
                raise BenchError(f"{self.name}: {what} failed: {reason}") from error
            self._end_transfer()
            if isinstance(error, paramiko.SFTPError):
                raise BenchError(
                    f"{self.name}: what its SSH server says is no file transfer (SFTP): {reason}; during {what}",
                    remedy="check its subsystem 'sftp', and that no profile of the account prints anything",
                ) from error
            raise SshLostError(f"{self.name}: the connection was lost during {what}: {reason}") from error

    def refused(self, error: OSError) -> bool:
        """Whether this is what the machine answered; otherwise no answer came."""
        return self.connected and not isinstance(error, TimeoutError | ConnectionError)

    def _end_transfer(self) -> None:
        """Begin the next file transfer anew: in this one, a late answer would be taken for that to another request."""
        transfer, self._sftp = self._sftp, None
        if transfer:
            transfer.close()

    def _transport(self) -> paramiko.Transport:
        transport = self._client.get_transport() if self._client else None
        if transport is None or not transport.is_active():
            raise SshLostError(f"{self.name}: there is no SSH connection")
        return transport


def guarded(command: str, signal: str) -> str:
    """Shell text that runs ``command`` and sends it ``signal`` when the connection ends before it.

    A server that loses a client closes the standard input of what that client has started and does no more. So the
    command runs in parallel with a reader of that input, whose end is the alarm. POSIX sh, nothing else.
    """
    return (
        "exec 3<&0; "
        f"sh -c {shlex.quote(command)} </dev/null 3<&- & pid=$!; "
        f"{{ cat <&3; kill -s {signal} $pid; }} >/dev/null 2>&1 & guard=$!; "
        "exec 3<&-; "
        "wait $pid; status=$?; kill $guard 2>/dev/null; exit $status"
    )


def wait_for_ssh(connection: SshConnection, timeout: float, between: Callable[[], None]) -> None:
    """Connect as soon as the server is up; ``between`` is called between two tries.

    Raises SshRefusedError at once, SshUnreachableError with the last reason after ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            connection.connect(max(0.1, deadline - time.monotonic()))
        except SshUnreachableError as error:
            if time.monotonic() >= deadline:
                raise SshUnreachableError(
                    f"{error.message}; tried for {timeout:g} s",
                    remedy="check address, network and SSH server of the host, or raise ssh_seconds in the target file",
                ) from error
            between()
        else:
            return


def _reason(error: BaseException) -> str:
    return str(error) or ("no answer came" if isinstance(error, TimeoutError) else type(error).__name__)


def _text(output: bytes | bytearray) -> str:
    said = output.decode("utf-8", "replace").strip()
    return "\n".join(f"  | {line}" for line in said.splitlines()) or "  | (nothing)"
