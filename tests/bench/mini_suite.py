# SPDX-License-Identifier: Apache-2.0
"""A small suite of its own in a folder of its own, run by a real pytest process."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import guestless, programs

CHECKOUT = Path(__file__).parents[2]
_CONFTEST = f'pytest_plugins = ["harness.report.recorder", "fixtures.plugin"]\n{guestless.CONFTEST}'
_INI = "[pytest]\naddopts = --strict-markers\njunit_family = xunit1\n"


@dataclass
class MiniSuite:
    """Write files, then ``run``."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.write("conftest.py", _CONFTEST)
        self.write("pytest.ini", _INI)
        (self.folder / "templates").mkdir()
        self.environment["FAKE_LOG"] = str(self.folder / "fake.log")

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def benches(self, **targets: str) -> Path:
        """An environment file; each target's value is YAML that is merged over the usual keys, by hand."""
        text = f"imports: [harness.labgrid, '{CHECKOUT}/tests/bench/fake_bench.py']\ntargets:\n"
        for name, extra in targets.items():
            text += f"  {name}:\n" + "".join(f"    {line}\n" for line in extra.splitlines())
        return self.write("benches.yaml", text)

    def test(self, body: str) -> None:
        """Write the one test file of the suite; function ``test_N`` is given the requirement SHM-ALLOW-0N."""
        mark = r'@pytest.mark.requirement("SHM-ALLOW-0\1")\ndef test_\1'
        marked = re.sub(r"^def test_(\d)", mark, body, flags=re.MULTILINE)
        self.write("test_it.py", f"import pytest\n{marked}")

    def verdicts(self) -> dict[str, str]:
        """``BENCH:N`` to verdict, of the newest report; N as in ``test_N``."""
        return {f"{entry['bench']}:{entry['requirement'][-1]}": entry["verdict"] for entry in self.results()["results"]}

    def reasons(self) -> str:
        """All that the newest report says about what went wrong."""
        return "\n".join(case["reason"] for case in self.results()["cases"])

    def command(self, *arguments: str) -> list[str]:
        return [*programs.PYTEST, *arguments]

    def run(self, *arguments: str, env: bool = True) -> subprocess.CompletedProcess[str]:
        given = ["--lg-env", "benches.yaml"] if env else []
        return programs.run(
            self.command(*given, *arguments),
            cwd=self.folder,
            env=self.variables(),
            capture_output=True,
            text=True,
            check=False,
        )

    def variables(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("LG_", "PYTEST_"))}
        return {**inherited, "PYTHONPATH": str(CHECKOUT), **self.environment}

    @property
    def host_log(self) -> list[str]:
        log = self.folder / "fake.log"
        return log.read_text().splitlines() if log.exists() else []

    def results(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "reports/latest/results.json").read_text())
        return found


def fake(options: str = "", *, host: str = "{}", features: str = "[]") -> str:
    """The text of a target with the fake host."""
    return f"""\
drivers:
  ShmemFakeHostDriver: {host}
  ShmemBenchStrategy: {{}}
features: {features}
options:
  architecture: x86_64
  profile: "7.0"
  placements: [pci]
  guest_images: [probe]
  ways: [serial]
  templates: templates
  {options}
"""


def emulated(options: str = "", *, templates: str | Path = CHECKOUT / "targets/qemu-aarch64") -> str:
    """The text of a target with the emulated host and guests of the faster architecture."""
    return f"""\
drivers:
  ShmemEmulatedHostDriver: {{}}
  ShmemBenchStrategy: {{}}
options:
  architecture: aarch64
  profile: "7.0"
  placements: [pci]
  guest_images: [probe]
  ways: [serial]
  templates: {templates}
  {options}
"""
