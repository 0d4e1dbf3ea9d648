# SPDX-License-Identifier: Apache-2.0
"""The programs that the harness needs on a host, asked for by name before any of them is used.

A guard of a command is made of some of them: where one is missing, the guard ends what it should protect, and nothing
that is said afterwards names the reason.
"""

from __future__ import annotations

import shlex
from typing import Final

from harness.host.errors import PermanentHostError
from harness.host.ssh import CommandResult, SshConnection

_SECONDS: Final = 15.0
NEEDED: Final = {
    "cat": "carries consoles, and ends what is left when a connection ends",
    "kill": "ends guests",
    "rm": "removes the notes of guests that have ended",
}
"""What each is for; builtin commands of the shell count."""
_TRIAL: Final = "echo tried | cat"
_SAID: Final = "tried\n"


def missing(connection: SshConnection, programs: list[str]) -> tuple[list[str], str]:
    """Those that the host does not have, and the PATH on which they were looked for.

    Raises PermanentHostError for a host without a shell that could be asked, and BenchError.
    """
    asked = " ".join(shlex.quote(program) for program in programs)
    text = f'for each in {asked}; do command -v "$each" >/dev/null 2>&1 || echo "@$each"; done; echo "$PATH"'
    said = connection.run_builtin(text, _SECONDS)
    if said.status:
        raise PermanentHostError(
            f"{connection.name} runs no 'sh' for commands over SSH (exit status {said.status}): {said.output.strip()}",
            remedy="add a POSIX shell of that name to the host's image, or its folder to the PATH of its SSH server"
            " (SetEnv)",
        )
    *lacking, path = said.output.splitlines() or [""]
    return [line[1:] for line in lacking if line.startswith("@")], path


def must_run_commands(connection: SshConnection) -> None:
    """Raise PermanentHostError unless the shell says what a command says and nothing else, and ``cat`` passes it on."""
    said = connection.run_builtin(_TRIAL, _SECONDS)
    if said.output != _SAID or said.status:
        raise PermanentHostError(
            f"{connection.name} does not run commands over SSH as expected: {_TRIAL!r} printed {said.output[:200]!r}"
            f" and ended with exit status {said.status}; {_SAID!r} and 0 were expected",
            remedy="try 'sh' and 'cat' in an SSH session; nothing that runs before a command (a profile, ~/.ssh/rc) may"
            " print anything",
        )


def send_signal(connection: SshConnection, signal: str, process: str) -> CommandResult:
    """Send a signal to a process of the host; ``kill`` may be a builtin command of its shell only."""
    return connection.run(["sh", "-c", 'kill -s "$0" "$1"', signal, process], _SECONDS)


def must_have(connection: SshConnection, qvm: str, raw_mode: str, host_client: str) -> None:
    """Raise PermanentHostError for a program that the host lacks, with what it is for."""
    name = connection.name
    hypervisor, terminal = shlex.split(qvm)[0], shlex.split(raw_mode)[0]
    needed = NEEDED | {terminal: "sets the consoles of guests ('raw_mode')"}
    if host_client:
        needed[shlex.split(host_client)[0]] = "is the host's client of regions ('host_client')"
    lacking, path = missing(connection, ["sh", *needed, hypervisor])
    if "sh" in lacking:
        raise PermanentHostError(
            f"{name}: the 'sh' of its SSH sessions does not find itself by 'command -v sh', as a POSIX shell does",
            remedy="let 'sh' on the PATH of SSH sessions be ksh, or another POSIX shell; that of toybox is not enough",
        )
    if hypervisor in lacking:
        raise PermanentHostError(
            f"{name} has no {hypervisor!r}: not on the PATH of its SSH sessions, which is {path}",
            remedy="name its path as 'qvm' of ShmemQnxHostDriver in the target file, or install the hypervisor",
        )
    if lacking:
        purposes = "; ".join(f"{program!r}, which {needed[program]}" for program in lacking)
        raise PermanentHostError(
            f"{name} lacks {purposes}: not on the PATH of its SSH sessions, which is {path}",
            remedy="add the program to the host's image, or its folder to the PATH of its SSH server (SetEnv)",
        )
    must_run_commands(connection)
