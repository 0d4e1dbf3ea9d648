# SPDX-License-Identifier: Apache-2.0
"""The commit of the harness, or the reason why it is not known."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

from harness import shipped

_SECONDS: Final = 20


def of_harness() -> tuple[str, str]:
    """The commit of the checkout that the harness runs from, or of the one that it was built from; and a note."""
    if not shipped.INSTALLED:
        return commit(shipped.ROOT)
    built = shipped.built_from()
    return built, "as it was when the package was built" if built else "the package was not built in a git repository"


def in_words() -> str:
    """The same in one text."""
    known, note = of_harness()
    return known or f"commit unknown: {note}"


def commit(checkout: Path) -> tuple[str, str]:
    """The commit, with ``+changes`` when files differ from it, and a note.

    Without a commit the note is the reason; with one it says what is special about it, and is empty otherwise.
    """
    if not (checkout / ".git").exists():
        return "", "it does not run from a git repository"
    head = _git(checkout, "rev-parse", "HEAD")
    if isinstance(head, _NoAnswer):
        return "", head.reason
    changes = _git(checkout, "status", "--porcelain", "--untracked-files=no")
    if isinstance(changes, _NoAnswer):
        return head, f"whether files differ from it is not known: {changes.reason}"
    shallow = _git(checkout, "rev-parse", "--is-shallow-repository") == "true"
    return f"{head}+changes" if changes else head, "a shallow clone, without its history" if shallow else ""


class _NoAnswer:
    """git gave no answer."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


def _git(checkout: Path, *arguments: str) -> str | _NoAnswer:
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(checkout), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
            # The reasons are distinguished by git's own words.
            env=os.environ | {"LC_ALL": "C"},
        )
    except FileNotFoundError:
        return _NoAnswer("there is no git program")
    except OSError as error:
        return _NoAnswer(f"git cannot be started: {error.strerror}")
    except subprocess.TimeoutExpired:
        return _NoAnswer(f"git did not answer within {_SECONDS} seconds")
    if done.returncode == 0:
        return done.stdout.strip()
    return _NoAnswer(_reason(done.stderr, checkout))


def _reason(said: str, checkout: Path) -> str:
    if "dubious ownership" in said:
        return (
            f"the repository belongs to another user, so git does not read it; to allow that:"
            f" `git config --global --add safe.directory {checkout}` makes it"
        )
    if "ambiguous argument 'HEAD'" in said or "unknown revision" in said:
        return "the repository has no commit yet"
    first = next((line for line in said.splitlines() if line.strip()), "git failed without a message")
    return f"the repository is broken: {first.removeprefix('fatal: ').strip()}"
