# SPDX-License-Identifier: Apache-2.0
"""The commit of the harness, or the reason why it is not known."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

from harness import shipped

_SECONDS: Final = 20
# Where ignored files take part in a run, seen from the checkout.
_READ_AS_CODE: Final = ("*.py", "*.yaml", "*.yml", "*.sdoc", "*.j2", "*.c", "*.h", "pytest.ini", "*.toml")
_MADE: Final = frozenset({".venv", "__pycache__", "build", "dist", "reports", "_build", "tmp"})


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


def differing(folder: Path) -> tuple[list[str], str]:
    """The files below ``folder`` that are not as in the commit or not in it at all, and why that is not known.

    What the repository ignores counts where it can be read as code or settings: a test in an ignored folder runs like
    any other. So do files that git was told to take for unchanged. Paths are relative to ``folder``.
    """
    changed = _git(folder, "diff", "--name-only", "--relative", "-z", "HEAD", "--", ".")
    unknown = _git(folder, "ls-files", "--others", "--exclude-standard", "-z", "--", ".")
    # Without --directory git looks into every ignored folder, a virtual environment as well.
    ignored = _git(folder, "ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z", "--", ".")
    trusted = _git(folder, "ls-files", "-v", "-z", "--", ".")
    found: dict[str, None] = {}
    for answer in (changed, unknown, ignored, trusted):
        if isinstance(answer, _NoAnswer):
            return [], f"whether files differ from it is not known: {answer.reason}"
        for line in filter(None, answer.split("\0")):
            if answer is trusted:
                if line[0].islower() or line[0] == "S":
                    found[f"{line[2:]} (git is told not to look at it)"] = None
            elif _MADE.isdisjoint(line.split("/")):
                found.update(dict.fromkeys(_code_in(folder, line) if answer is ignored else [line]))
    return list(found), ""


def _code_in(folder: Path, entry: str) -> list[str]:
    """Below ``folder``, what can be read as code of a file or, where it ends in a slash, a folder that is ignored."""
    place = folder / entry
    files = sorted(place.rglob("*")) if entry.endswith("/") else [place]
    read = (file.relative_to(folder) for file in files if any(file.match(form) for form in _READ_AS_CODE))
    return [str(file) for file in read if _MADE.isdisjoint(file.parts)]


class _NoAnswer:
    """git gave no answer."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


def _git(checkout: Path, *arguments: str) -> str | _NoAnswer:
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(checkout), *arguments],
            capture_output=True,
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
        # A name need not be text.
        return os.fsdecode(done.stdout).strip()
    return _NoAnswer(_reason(done.stderr.decode(errors="replace"), checkout))


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
