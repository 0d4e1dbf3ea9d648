# SPDX-License-Identifier: Apache-2.0
"""The loopback board's SSH server: OpenSSH's own, on a loopback port, with keys and an account of the board alone."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path
from typing import Final

from harness.loopback.image import Image
from harness.loopback.wrappers import Wrappers
from harness.provision.compiler import Recipe, compile_c
from harness.provision.process import run
from harness.provision.programs import Programs

USER: Final = "board"
HOST_KEY: Final = "ssh_host_ed25519_key"
CLIENT_KEY: Final = "client_key"
_KEY_SECONDS: Final = 120
_FOLDER_MODE: Final = 0o755

_CONFIGURATION: Final = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {host_key}
AuthorizedKeysFile {etc}/authorized_keys
PidFile none
# The board's folder is below /tmp, which is writable for all.
StrictModes no
PermitRootLogin yes
UsePAM {questions}
KbdInteractiveAuthentication {questions}
PasswordAuthentication {unasked}
ClientAliveInterval 5
# Tests are refused on purpose, and everybody is 127.0.0.1.
PerSourcePenalties no
MaxStartups 100
# Several consoles, commands and transfers share one connection.
MaxSessions {max_sessions}
SshdSessionPath {bin}/sshd-session
SshdAuthPath {bin}/sshd-auth
Subsystem sftp internal-sftp {sftp_options}
SetEnv PATH={path}
LogLevel VERBOSE
"""


class OpenSsh:
    """Installs the server below ``etc`` and ``libexec`` of the board, and knows how to start it.

    ``password_hash`` of the board's one account is what crypt(3) gives, or ``*`` for no password.
    """

    def __init__(self, folder: Path, image: Image, password_hash: str) -> None:
        self._etc = folder / "etc"
        self._libexec = folder / "libexec"
        self._empty = folder / "empty"
        self._image = image
        self._password_hash = password_hash

    @property
    def host_key(self) -> Path:
        """The server's public key."""
        return self._image.keys / f"{HOST_KEY}.pub"

    def install(self, wrappers: Wrappers) -> None:
        """Make keys and start scripts, where there are none yet. Raises HarnessError."""
        for folder in (self._etc, self._empty):
            folder.mkdir(parents=True, exist_ok=True)
        # The server, run by root, needs a directory that only root can write to.
        self._empty.chmod(_FOLDER_MODE)
        for key in (self._image.keys / HOST_KEY, self._etc / CLIENT_KEY):
            if not key.exists():
                _make_key(wrappers.programs, key)
        (self._etc / "authorized_keys").write_bytes((self._etc / f"{CLIENT_KEY}.pub").read_bytes())
        variables = {
            "BOARD_USER": USER,
            "BOARD_HOME": str(self._image.home),
            "BOARD_SHELL": str(self._image.shell),
            "BOARD_PASSWORD": self._password_hash,
            "BOARD_EMPTY": str(self._empty),
            # The machine's own may be for another version of the library.
            "OPENSSL_CONF": "/dev/null",
            **self._image.variables,
        }
        for program in ("/usr/sbin/sshd", "/usr/lib/openssh/sshd-session", "/usr/lib/openssh/sshd-auth"):
            wrappers.write(self._libexec / Path(program).name, program, variables=variables)

    def command(self, port: int, *, sftp_options: str, max_sessions: int | None, path: str) -> list[str]:
        """Write the configuration; the command that starts the server. What is left out, the image says."""
        configuration = self._etc / "sshd_config"
        questions = self._image.questions
        configuration.write_text(
            _CONFIGURATION.format(
                port=port,
                etc=self._etc,
                host_key=self._image.keys / HOST_KEY,
                bin=self._libexec,
                path=path or self._image.path,
                sftp_options=sftp_options,
                max_sessions=self._image.max_sessions if max_sessions is None else max_sessions,
                questions="yes" if questions else "no",
                unasked="no" if questions else "yes",
            )
        )
        return [str(self._libexec / "sshd"), "-D", "-e", "-f", str(configuration)]

    def start(self, command: list[str], log: Path) -> subprocess.Popen[bytes]:
        """Start the server with what ``command`` gave; it listens a moment later."""
        with log.open("ab") as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._image.home,
                start_new_session=True,
            )


def _make_key(programs: Programs, file: Path) -> None:
    command = [*programs.command("/usr/bin/ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(file)]
    run(command, what="making a key of the loopback board", timeout=_KEY_SECONDS)


def account_library() -> Path:
    """The library that gives the server the board's account, built now if the cache has it not. Raises HarnessError."""
    recipe = Recipe(
        name="account library",
        folder=Path(__file__).parent,
        # Old symbols only, as for every object that is loaded into programs of unknown age.
        target=f"{platform.machine()}-linux-gnu.2.28",
        sources=("account.c", "login.c"),
        flags=("-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-ldl"),
        inputs=("account.c", "login.c"),
        output="account.so",
    )
    return compile_c(recipe).path / recipe.output
