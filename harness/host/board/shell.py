# SPDX-License-Identifier: Apache-2.0
"""A login and single commands on a serial console that may lose bytes and carry other programs' messages."""

from __future__ import annotations

import re
import secrets
import time
from collections import Counter
from dataclasses import dataclass
from typing import Final, Literal

from harness.errors import BenchError
from harness.host.board.console import BoardConsole
from harness.host.errors import PermanentHostError

_QUIET_SECONDS: Final = 0.3
_SETTLE_SECONDS: Final = 5.0
_PROMPT_SECONDS: Final = 2.0
_VERDICT_SECONDS: Final = 10.0
"""Hosts let those wait who give a wrong password."""
_ANSWER_SECONDS: Final = 3.0
_WRONG_PASSWORDS: Final = 3
_LONGEST_COMMAND: Final = 210
"""POSIX lets a terminal drop what goes beyond 255 bytes in a line (MAX_CANON); the marks need some."""
_AGREEING: Final = 2
_TRIES: Final = 40


class LoginRefusedError(PermanentHostError):
    """The host does not want the name or the password."""


@dataclass(frozen=True)
class Prompts:
    """What the host asks with, and what it says to a wrong password (regular expressions).

    A prompt is looked for at the end of what has come.
    """

    login: str = r"[Ll]ogin: *"
    password: str = r"[Pp]assword: *"
    refused: str = r"[Ii]ncorrect|[Dd]enied|[Ff]ailure"
    shell: str = r"[#$] *"


class BoardShell:
    """The shell of a host on its console. Nothing here is believed that was not marked, or seen twice."""

    def __init__(self, console: BoardConsole, user: str, password: str, prompts: Prompts) -> None:
        self._console = console
        self._user = user
        self._password = password
        self._prompts = prompts

    def login(self, timeout: float) -> None:
        """Get to a shell, from a login prompt or from a shell that is there already.

        Raises LoginRefusedError, or BenchError after ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        refusals = 0
        while True:
            # Messages of the boot often run over the prompt: a fresh one after a moment of silence is whole.
            self._console.settle(_QUIET_SECONDS, min(_SETTLE_SECONDS, timeout))
            asked = self._asked()
            if asked is None and self._is_shell():
                return
            if time.monotonic() > deadline:
                raise BenchError(
                    f"{self._console.name}: no login on its console within {timeout:g} s; its last lines:\n"
                    f"{self._console.last_lines()}",
                    remedy="correct login_prompt, shell_prompt or login_seconds of the strategy in the target file",
                )
            refusals += self._try_login() if asked == "name" else 0
            if refusals >= _WRONG_PASSWORDS:
                raise LoginRefusedError(
                    f"{self._console.name} rejected the login of {self._user!r} on its console {refusals} times; its"
                    f" last lines:\n{self._console.last_lines()}",
                    remedy="correct username and password of the strategy in the target file",
                )

    def _asked(self) -> Literal["name", "password"] | None:
        """What the console asks for after a new line; None when it is neither name nor password."""
        prompts = self._prompts
        self._console.forget()
        self._console.send("\n")
        patterns = [prompts.login + r"\Z", prompts.password + r"\Z", prompts.shell + r"\Z"]
        try:
            index, _ = self._console.expect(patterns, _PROMPT_SECONDS, "a prompt")
        except BenchError:
            return None
        return ("name", "password", None)[index]

    def _is_shell(self) -> bool:
        """Whether a command is carried out."""
        try:
            return self._ask("true", _PROMPT_SECONDS)[0] == 0
        except BenchError:
            return False

    def _try_login(self) -> int:
        """Try to log in once; returns 1 if the console said that the login was refused."""
        prompts, console = self._prompts, self._console
        try:
            console.forget()
            console.send(f"{self._user}\n")
            console.expect([prompts.password], _PROMPT_SECONDS, "the password prompt")
            console.forget()
            console.send(f"{self._password}\n", secret=True)
            verdict, _ = console.expect([prompts.refused, prompts.shell + r"\Z"], _VERDICT_SECONDS, "a shell prompt")
        except BenchError:
            return 0
        return int(verdict == 0)

    def run(self, command: str, timeout: float) -> str:
        """Output of a command that changes nothing, and is so short that it can be asked again and again.

        It is believed when two answers agree. Raises BenchError when it fails, or after ``timeout`` seconds, and
        PermanentHostError at once when it is too long for a terminal.
        """
        self._must_fit(command)
        deadline = time.monotonic() + timeout
        answers: Counter[tuple[int, str]] = Counter()
        for _ in range(_TRIES):
            if time.monotonic() > deadline:
                break
            try:
                answer = self._ask(command, min(_ANSWER_SECONDS, max(0.1, deadline - time.monotonic())))
            except BenchError:
                continue
            answers[answer] += 1
            if answers[answer] >= _AGREEING:
                return self._checked(command, *answer)
        raise BenchError(
            f"{self._console.name}: no two answers to {command!r} on its console agreed within {timeout:g} s"
            f" ({sum(answers.values())} came); its last lines:\n{self._console.last_lines()}",
            remedy="try the command on the console; where the line loses characters, a shorter one comes through",
        )

    def send(self, command: str) -> None:
        """Type a command without waiting for its end."""
        self._console.send(f"{command}\n")

    def _checked(self, command: str, status: int, output: str) -> str:
        if status:
            raise BenchError(f"{self._console.name}: {command!r} ended with exit status {status}: {output.strip()}")
        return output

    def _must_fit(self, command: str) -> None:
        if len(command.encode()) > _LONGEST_COMMAND:
            raise PermanentHostError(
                f"{self._console.name}: this command is too long for a serial console, which takes at most"
                f" {_LONGEST_COMMAND} bytes: {command!r}",
                remedy="shorten it in the target file, or put it into a script on the host",
            )

    def _ask(self, command: str, timeout: float) -> tuple[int, str]:
        """Exit status and output between two marks. In the echo of the line the marks are in halves."""
        mark = secrets.token_hex(3)
        half, rest = mark[:3], mark[3:]
        line = f"echo {half}''{rest}B; {command}; echo {half}''{rest}E$?"
        self._console.forget()
        self._console.send(f"{line}\n")
        pattern = rf"{mark}B\n((?:.|\n)*?){mark}E(\d+)\n"
        _, match = self._console.expect([pattern], timeout, f"the answer to {command!r}")
        text = match[1].decode("utf-8", "replace")
        # A message of the kernel pushes the rest of a line down; what two answers have in common is the answer.
        return int(match[2]), re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
