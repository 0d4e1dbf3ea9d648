# SPDX-License-Identifier: Apache-2.0
"""The commit of the harness, or the reason why it is not known."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from harness import shipped

PASSED_OVER: Final = " (git is told not to look at it)"
"""What is said of a file whose changes git does not look for."""

CHANGED: Final = "+changes"
"""What follows a commit from which files differ."""

_SECONDS: Final = 20
# Where ignored files take part in a run, seen from the checkout.
_READ_AS_CODE: Final = ("*.py", "*.yaml", "*.yml", "*.sdoc", "*.j2", "*.c", "*.h", "pytest.ini", "*.toml")
_MADE: Final = frozenset({".venv", "__pycache__", "build", "dist", "reports", "_build", "tmp"})
# What is asked is the repository of a folder as it is: no hook, setting or substitute of an object says otherwise.
_PLAINLY: Final = ("--no-optional-locks", "--no-replace-objects", "--literal-pathspecs", "-c", "core.fsmonitor=false")
# What no variable may name is another repository. These two say where git is, and let tests be somebody else.
_KEPT: Final = frozenset({"GIT_EXEC_PATH", "GIT_TEST_ASSUME_DIFFERENT_OWNER"})
# A submodule with other code is a change, whatever its settings say. What a run leaves behind in one is not.
_SUBMODULES: Final = "--ignore-submodules=untracked"


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
    known, note = head(checkout)
    if not known:
        return "", note
    changes = _git(checkout, "status", "--porcelain", "--untracked-files=no", _SUBMODULES)
    if isinstance(changes, _NoAnswer):
        return known, f"whether files differ from it is not known: {changes.reason}"
    return f"{known}{CHANGED}" if changes else known, note


def head(checkout: Path) -> tuple[str, str]:
    """The commit alone, and a note as above, of a folder that is in a repository."""
    answer = _git(checkout, "rev-parse", "HEAD", "--is-shallow-repository", "--show-toplevel")
    if isinstance(answer, _NoAnswer):
        return "", answer.reason
    known, shallow, top = answer.split("\n", 2)
    if not checkout.resolve().is_relative_to(Path(top).resolve()):
        return "", f"its repository has its files in another folder: {top}"
    return known, "a shallow clone, without its history" if shallow == "true" else ""


def differing(folder: Path) -> tuple[list[str], str]:
    """The files below ``folder`` that are not as in the commit or not in it at all, and why that is not known.

    What the repository ignores counts where it can be read as code or settings: a test in an ignored folder runs like
    any other. So do files that git was told to take for unchanged. Paths are relative to ``folder``.
    """
    changed = _git(folder, "diff", "--name-only", "--relative", _SUBMODULES, "-z", "HEAD", "--", ".")
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
                found.update(dict.fromkeys(_passed_over(line)))
            elif _MADE.isdisjoint(line.split("/")):
                found.update(dict.fromkeys(_code_in(folder, line) if answer is ignored else [line]))
    return list(found), ""


def finds(file: Path) -> bool:
    """Whether ``differing`` of a folder finds this file, relative to the folder, when the commit does not have it."""
    return _MADE.isdisjoint(file.parts) and any(file.match(form) for form in _READ_AS_CODE)


def unlike(root: Path, files: Iterable[str]) -> tuple[list[str], str]:
    """Those of these files that are not as in the commit of the repository ``root`` or not in it, and why that is not
    known. They are relative to ``root``. A folder is another repository, which need not be a submodule: only where it
    is one, it must be at the commit that is noted for it.
    """
    asked = list(files)
    listed = _git(root, "ls-files", "-v", "-z", "--", *asked)
    changed = _git(root, "diff", "--name-only", "--relative", "--ignore-submodules=dirty", "-z", "HEAD", "--", *asked)
    for answer in (listed, changed):
        if isinstance(answer, _NoAnswer):
            return [], f"whether files differ from it is not known: {answer.reason}"
    tracked = [line for line in str(listed).split("\0") if line]
    known = {line[2:] for line in tracked}
    missing = (name for name in asked if name not in known and not (root / name).is_dir())
    told = (name for line in tracked for name in _passed_over(line))
    return sorted({*missing, *filter(None, str(changed).split("\0")), *told}), ""


def _passed_over(line: str) -> list[str]:
    """The file of a line of ``git ls-files -v`` if git does not look whether it has changed."""
    return [f"{line[2:]}{PASSED_OVER}"] if line[0].islower() or line[0] == "S" else []


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
            ["git", *_PLAINLY, "-C", str(checkout), *arguments],
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            env=_environment(),
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


def _environment() -> dict[str, str]:
    """Our own without what would lead git to another repository, such as the variables of the hook that runs us."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in _KEPT}
    # The reasons are distinguished by git's own words.
    return kept | {"LC_ALL": "C"}


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
