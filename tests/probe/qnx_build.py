# SPDX-License-Identifier: Apache-2.0
"""How the Makefiles for QNX call the vendor's compiler, and what another compiler says of these calls."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Final

from harness.provision.compiler import compiler
from tests import programs

IMAGES: Final = Path(__file__).parents[2] / "targets/images"
_HEADERS: Final = Path(__file__).parent / "qnx_headers"
_HOST_INTERFACE: Final = Path(__file__).parents[1] / "boards/hyp"


def make(makefile: Path, scratch: Path, **variables: str) -> tuple[subprocess.CompletedProcess[str], list[list[str]]]:
    """Run the Makefile in the folder ``makefile``; the result of make, and each call of the compiler."""
    script, log = scratch / "qcc", scratch / "calls"
    script.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$*" >> {shlex.quote(str(log))}\nwhile [ "$1" != -o ]; do shift; done\n: > "$2"\n'
    )
    script.chmod(0o755)
    log.unlink(missing_ok=True)
    given = [f"{name}={value}" for name, value in variables.items()]
    command = ["make", "-B", "-C", str(makefile), *given, f"OUT={scratch / 'out'}", f"QCC={script}"]
    done = programs.run(command, capture_output=True, text=True, check=False)
    calls = log.read_text().splitlines() if log.exists() else []
    return done, [call.split() for call in calls]


def planned(makefile: Path, **variables: str) -> list[list[str]]:
    """The calls of the compiler that the Makefile in this folder would make."""
    given = [f"{name}={value}" for name, value in variables.items()]
    command = ["make", "-n", "-B", "-C", str(makefile), *given, "OUT=/nowhere", "QCC=qcc"]
    said = programs.run(command, capture_output=True, text=True, check=True).stdout
    return [shlex.split(line)[1:] for line in said.splitlines() if line.startswith("qcc ")]


def sources(calls: list[list[str]], makefile: Path) -> list[Path]:
    """The files that these calls compile."""
    return [makefile / word for call in calls for word in call if word.endswith((".c", ".S"))]


def complaints(calls: list[list[str]], makefile: Path, release: str, only: str = "") -> str:
    """What a compiler says of these calls with our declarations for a release of QNX; empty if it takes all files.

    The flags are those of the Makefile. ``only`` is a part of the paths of those files that are looked at.
    """
    files = [file for file in sources(calls, makefile) if file.suffix == ".c" and only in str(file)]
    assert files, f"the Makefile compiles no {only or 'file'}"
    zig = compiler().program
    flags = [
        *("-fsyntax-only", "-nostdinc", "-isystem", str(_HEADERS), "-idirafter", str(_HOST_INTERFACE)),
        *("-idirafter", str(zig.parent / "lib/include"), f"-DHEADERS_RELEASE={release.replace('.', '')}0"),
        *("-Wextra", "-Wundef", "-Werror"),
    ]
    first = next(call for call in calls if any(word.endswith(".c") for word in call))
    command = [str(zig), "clang", *flags, *_flags(first), *map(str, files)]
    done = programs.run(command, capture_output=True, text=True, check=False, cwd=makefile)
    assert bool(done.returncode) == bool(done.stderr), done.stderr
    return done.stderr


def _flags(call: list[str]) -> list[str]:
    """The flags of a call of the vendor's compiler, as clang has them."""
    flags: list[str] = []
    words = iter(call)
    for word in words:
        if word == "-o":
            next(words)
        elif word.startswith("-V"):
            flags += ["-target", "aarch64-linux-gnu" if "aarch64" in word else "x86_64-linux-gnu"]
        elif word.startswith("-Wc,"):
            flags += word.split(",")[1:]
        elif word.startswith(("-D", "-U", "-I", "-std", "-O")):
            flags.append(word)
    return flags
