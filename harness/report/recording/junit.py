# SPDX-License-Identifier: Apache-2.0
"""The JUnit file that pytest writes beside the report of a run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from _pytest import junitxml

from harness.process.command import reason
from harness.report.evidence.model import Report
from harness.report.exports import junit

_VARIABLE = "SHMEM_HARNESS_JUNIT"


class JunitFile:
    """Where pytest writes its JUnit file: at ``path``, where the user wants it, or at ``own`` in the folder of the run.

    Sees to it that pytest writes one.
    """

    def __init__(self, config: pytest.Config, own: Path) -> None:
        if not getattr(config.option, "xmlpath", None):
            # pytest expands variables in this path, and knows no way to write a dollar sign of the path's own.
            os.environ[_VARIABLE] = str(own)
            config.option.xmlpath = f"${_VARIABLE}"
        self.path = Path(os.path.expandvars(config.option.xmlpath)).expanduser()
        self._own = own

    def settle(self, report: Report) -> None:
        """Have the file say what the report says, in the folder of the run and where the user wants it.

        Raises OSError.
        """
        elsewhere = self.path.is_file() and self.path != self._own
        found = junit.suites(self.path if elsewhere else self._own)
        junit.write(self._own, found, report)
        if elsewhere:
            shutil.copyfile(self._own, self.path)

    def what_broke(self, error: BaseException) -> str:
        """What an error at the end of a session means: that this file could not be written, or another plugin's."""
        if isinstance(error, SystemExit):
            return f"a plugin called sys.exit({error.code!r}) at the end of the session, before others had theirs"
        if isinstance(error, KeyboardInterrupt):
            return f"the run was interrupted: {error or 'Ctrl-C'}"
        frames = pytest.ExceptionInfo.from_exception(error).traceback
        if any(frame.path == Path(junitxml.__file__) for frame in frames):
            return f"the JUnit file {self.path} could not be written: {reason(error)}"
        return f"a plugin broke at the end of the session: {reason(error)}"
