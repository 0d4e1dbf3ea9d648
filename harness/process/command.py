# SPDX-License-Identifier: Apache-2.0
"""Runs a command of ours: every error ends it with one sentence and an exit status.

This is the one place that turns exceptions into statuses. Status 1 says that a requirement failed, so nothing else may
end with it; Python itself would use it for every exception.
"""

from __future__ import annotations

import argparse
import errno
import locale
import math
import os
import re
import shutil
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import harness
from harness.errors import EXIT_BENCH_ERROR, BenchError, HarnessError, UsageError
from harness.process import ending, streams

TRACEBACK: Final = "HARNESS_TRACEBACK"
"""Environment variable: with any value, an unexpected error is shown with its traceback."""

_CODE: Final = Path(harness.__file__).resolve().parent
_NUMBER: Final = re.compile(r"\[Errno (\d+)\]")
_OF_A_SHELL: Final = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")
_REMEDIES: Final = {
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "free some space there",
    errno.EFBIG: "raise the limit of a file's size (ulimit -f)",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "raise the machine's limit of open files (fs.file-max)",
    errno.EROFS: "choose a writable folder",
    errno.ENOENT: "see that it is there, or choose another place",
    errno.ENOTDIR: "choose a place below a folder, not below a file",
    errno.EISDIR: "name a file, not a folder",
    errno.ELOOP: "choose a path whose links lead somewhere",
    errno.ENAMETOOLONG: "choose a shorter path",
    errno.EACCES: "choose another folder, or change its permissions",
    errno.EPERM: "choose another folder, or change its permissions",
}


def path(text: str) -> Path:
    """A path given as an option of a command. Raises ArgumentTypeError.

    An empty path would mean the current folder, usually because a variable of a script is not set.
    """
    if not text:
        raise argparse.ArgumentTypeError("is empty: name a path")
    return Path(text)


def source(text: str) -> Path:
    """The path of a file that a command reads. Raises ArgumentTypeError, also for a named pipe: nobody may write to it.

    The pipes of a shell (``<(...)`` and ``/dev/stdin``) have a writer.
    """
    found = path(text)
    if found.is_fifo() and not text.startswith(_OF_A_SHELL):
        raise argparse.ArgumentTypeError(f"{text} is a named pipe: name a regular file")
    return found


def count(text: str) -> int:
    """A number of things as an option of a command says it. Raises ArgumentTypeError."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def seconds(text: str) -> float:
    """A time as an option of a command says it. Raises ArgumentTypeError."""
    number = float(text)
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError("must be a number of seconds, 0 or more")
    return number


def must_exist(paths: Iterable[str | Path]) -> None:
    """Raise UsageError for the first path of a command line that names nothing: the wrong word, not a wrong file."""
    for each in paths:
        if not Path(each).exists():
            raise UsageError(f"there is no {each}", remedy="name a file that is there")


def guarded(name: str, work: Callable[[], int], *, error_status: int = EXIT_BENCH_ERROR) -> int:
    """Do the ``work`` of the command ``name``; returns its exit status, or ``error_status`` when it broke.

    A reader of the output that goes away changes nothing. SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt in
    ``work``, and the status is 130.
    """
    streams.settle()
    if not os.environ.get(TRACEBACK):
        sys.unraisablehook = ending.lost
    with ending.listening():
        status = _status(name, work, error_status)
        try:
            lost = streams.lost(sys.stdout)
        except KeyboardInterrupt:
            lost, status = None, ending.INTERRUPTED
    if lost is not None and status != ending.INTERRUPTED:
        report_error(name, output_lost(lost))
        status = error_status
    return status


def in_utf8() -> None:
    """Start this program again in Python's UTF-8 mode when the locale has another encoding: our files are UTF-8."""
    if not sys.flags.utf8_mode and locale.getencoding().lower().replace("-", "") != "utf8" and sys.orig_argv:
        # What this program starts does the same.
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def output_lost(error: OSError) -> BenchError:
    """The error for output that was wanted and could not be written."""
    return BenchError(f"standard output could not be written: {error.strerror}")


def sentence(error: BaseException) -> str:
    """What happened, and the remedy when one is known, for a person.

    The harness's own errors and those of the operating system have their words. Anything else is a mistake in the
    harness, and said to be one.
    """
    error = _first(error)
    if isinstance(error, HarnessError):
        return str(error)
    remedy = f"set {TRACEBACK}=1 to see the traceback, and report it"
    if isinstance(error, OSError):
        remedy = _REMEDIES.get(error.errno or 0, "")
    elif isinstance(error, MemoryError):
        remedy = "raise the limit (ulimit -v), or run fewer benches in parallel"
    return str(HarnessError(reason(error), remedy=remedy))


def reason(error: BaseException) -> str:
    """What happened, in one line, without a remedy."""
    error = _first(error)
    if isinstance(error, HarnessError):
        return error.message
    if isinstance(error, OSError):
        return _system_error(error)
    if isinstance(error, MemoryError):
        return "out of memory"
    what = " ".join(str(error).split())
    return f"internal error of the harness: {type(error).__name__}{f': {what}' if what else ''}{_location(error)}"


def _status(name: str, work: Callable[[], int], error_status: int) -> int:
    try:
        return work()
    except KeyboardInterrupt:
        _say(f"{name}: interrupted")
        return ending.INTERRUPTED
    except SystemExit as error:
        # argparse has said what there is to say.
        return error.code if isinstance(error.code, int) else 0 if error.code is None else error_status
    except Exception as error:
        status = report_error(name, error)
        return status if error_status == EXIT_BENCH_ERROR else error_status


def report_error(name: str, error: BaseException) -> int:
    """Say on standard error what happened in the command ``name``; returns the exit status for it."""
    own = _first(error)
    if os.environ.get(TRACEBACK) and not isinstance(own, HarnessError):
        _say("".join(traceback.format_exception(error)).rstrip())
    _say(f"{name}: error: {sentence(own)}")
    return own.exit_status if isinstance(own, HarnessError) else EXIT_BENCH_ERROR


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _first(error: BaseException) -> BaseException:
    """The first error of a group that parallel tasks have raised, or of a folder's files that were copied."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):
        return _of_a_copy(*error.args[0][0])
    if isinstance(error, FileNotFoundError) and error.filename is None and _is_nowhere():
        return BenchError("the current folder is gone", remedy="change to a folder that is there")
    return error


def _of_a_copy(_source: object, target: object, why: object) -> OSError:
    """What the operating system said of one file: shutil keeps its errors as texts."""
    match = _NUMBER.match(str(why))
    number = int(match[1]) if match else 0
    return OSError(number, os.strerror(number) if match else str(why), str(target))


def _is_nowhere() -> bool:
    """Whether somebody has removed the current folder."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def _system_error(error: OSError) -> str:
    why = error.strerror or str(error) or type(error).__name__
    files = [os.fsdecode(file) for file in (error.filename, error.filename2) if isinstance(file, str | bytes)]
    return f"{' and '.join(files)}: {why}" if files else why


def _location(error: BaseException) -> str:
    """Where in our code it happened."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(_CODE)] or frames
    if not own:
        return ""
    file = Path(own[-1].filename)
    return f" ({file.relative_to(_CODE.parent) if file.is_relative_to(_CODE) else file}:{own[-1].lineno})"
