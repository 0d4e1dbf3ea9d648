# SPDX-License-Identifier: Apache-2.0
"""The loopback board's SSH server: OpenSSH's own, on a loopback port, with keys and an account of the board alone."""

from __future__ import annotations

import platform
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.provision.compiler import Recipe, compile_c
from harness.provision.process import run
from harness.provision.programs import Programs, board_programs

USER: Final = "board"
HOST_KEY: Final = "ssh_host_ed25519_key"
CLIENT_KEY: Final = "client_key"
_KEY_SECONDS: Final = 120
_SCRIPT_MODE: Final = 0o755

_CONFIGURATION: Final = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {etc}/{host_key}
AuthorizedKeysFile {etc}/authorized_keys
PidFile none
UsePAM no
# The board's folder is below /tmp, which is writable for all.
StrictModes no
PermitRootLogin yes
PasswordAuthentication yes
KbdInteractiveAuthentication no
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


@dataclass(frozen=True)
class Account:
    """The one account of the board. ``password_hash`` is what crypt(3) gives, or ``*`` for no password."""

    home: Path
    password_hash: str


class OpenSsh:
    """Installs the server below ``etc`` and ``libexec`` of the board, and knows how to start it."""

    def __init__(self, folder: Path, account: Account, path: str) -> None:
        self.etc = folder / "etc"
        self._libexec = folder / "libexec"
        self._empty = folder / "empty"
        self._account = account
        self._path = path

    def install(self) -> None:
        """Make keys and start scripts, where there are none yet. Raises HarnessError."""
        for folder in (self.etc, self._libexec, self._empty):
            folder.mkdir(parents=True, exist_ok=True)
        # The server, run by root, needs a directory that only root can write to.
        self._empty.chmod(_SCRIPT_MODE)
        programs = self._reachable(board_programs())
        library = self._link("account.so", account_library())
        for name in (HOST_KEY, CLIENT_KEY):
            if not (self.etc / name).exists():
                self._make_key(programs, self.etc / name)
        (self.etc / "authorized_keys").write_bytes((self.etc / f"{CLIENT_KEY}.pub").read_bytes())
        for program in ("/usr/sbin/sshd", "/usr/lib/openssh/sshd-session", "/usr/lib/openssh/sshd-auth"):
            self._write_script(programs.command(program, preload=library), Path(program).name)

    def _reachable(self, programs: Programs) -> Programs:
        """The same through a link of the board's own: the cache may be where no list of libraries can name it."""
        return Programs(self._link("programs", programs.root))

    def _link(self, name: str, target: Path) -> Path:
        link = self._libexec / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        return link

    def _make_key(self, programs: Programs, file: Path) -> None:
        command = [*programs.command("/usr/bin/ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(file)]
        run(command, what="making a key of the loopback board", timeout=_KEY_SECONDS)

    def _write_script(self, command: list[str], name: str) -> None:
        """A program of the prefix needs its loader and the account in front of it."""
        variables = {
            "BOARD_USER": USER,
            "BOARD_HOME": str(self._account.home),
            "BOARD_SHELL": "/bin/sh",
            "BOARD_PASSWORD": self._account.password_hash,
            "BOARD_EMPTY": str(self._empty),
            # The machine's own may be for another version of the library.
            "OPENSSL_CONF": "/dev/null",
        }
        exports = " ".join(f"{key}={shlex.quote(value)}" for key, value in variables.items())
        script = self._libexec / name
        script.write_text(f'#!/bin/sh\nexport {exports}\nexec {shlex.join(command)} "$@"\n')
        script.chmod(_SCRIPT_MODE)

    def start(
        self, port: int, log: Path, *, sftp_options: str, max_sessions: int, path: str
    ) -> subprocess.Popen[bytes]:
        """Start the server; it listens a moment later. Without a ``path``, commands have that of the board."""
        configuration = self.etc / "sshd_config"
        configuration.write_text(
            _CONFIGURATION.format(
                port=port,
                etc=self.etc,
                host_key=HOST_KEY,
                bin=self._libexec,
                path=path or self._path,
                sftp_options=sftp_options,
                max_sessions=max_sessions,
            )
        )
        with log.open("ab") as output:
            return subprocess.Popen(
                [str(self._libexec / "sshd"), "-D", "-e", "-f", str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._account.home,
                start_new_session=True,
            )


def account_library() -> Path:
    """The library that gives the server the board's account, built now if the cache has it not. Raises HarnessError."""
    recipe = Recipe(
        name="account library",
        folder=Path(__file__).parent,
        # Old symbols only, as for every object that is loaded into programs of unknown age.
        target=f"{platform.machine()}-linux-gnu.2.28",
        sources=("account.c",),
        flags=("-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror"),
        inputs=("account.c",),
        output="account.so",
    )
    return compile_c(recipe).path / recipe.output
