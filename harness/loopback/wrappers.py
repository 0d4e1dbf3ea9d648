# SPDX-License-Identifier: Apache-2.0
"""Programs of the distribution on a board: a script each, which runs the program through its own dynamic loader."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from harness.provision.programs import Programs

_SCRIPT_MODE: Final = 0o755


class Wrappers:
    """Writes such scripts. Links in ``folder`` lead to the programs and to the library that is loaded with them.

    The cache may be where no list of libraries can name it.
    """

    def __init__(self, folder: Path, programs: Programs, library: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.programs = Programs(_link(folder / "programs", programs.root))
        self._library = _link(folder / "account.so", library)

    def write(self, script: Path, program: str, *words: str, variables: Mapping[str, str] | None = None) -> None:
        """``script`` runs ``program`` of the packages with the library, these variables, these words and its own."""
        command = [*self.programs.command(program, preload=self._library), *words]
        write_script(script, command, variables or {})


def write_script(script: Path, command: Sequence[str], variables: Mapping[str, str]) -> None:
    """A program that is a command with variables set."""
    exports = "".join(f"export {key}={shlex.quote(value)}\n" for key, value in variables.items())
    script.write_text(f'#!/bin/sh\n{exports}exec {shlex.join(command)} "$@"\n')
    script.chmod(_SCRIPT_MODE)


def _link(link: Path, target: Path) -> Path:
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    return link
