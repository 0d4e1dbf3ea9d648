# SPDX-License-Identifier: Apache-2.0
"""The commands of the files that build servers read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
JENKINS: Final = "Jenkinsfile"
GITHUB: Final = ".github/workflows/qualify.yml"
GITLAB: Final = ".gitlab-ci.yml"
PIPELINES: Final = (JENKINS, GITHUB, GITLAB)

_CALLS: Final = re.compile(r"\bsh(?:\(script:)? '([^'\n]+)'")
_STEPS: Final = ("before_script", "script", "after_script")


def commands(pipeline: str) -> list[str]:
    """All commands of a pipeline, in its order, each once."""
    text = (ROOT / pipeline).read_text()
    if pipeline == JENKINS:
        return list(dict.fromkeys(_CALLS.findall(text)))
    # YAML 1.1 takes the key "on" for a truth; nothing here looks at it.
    return list(dict.fromkeys(_of_jobs(yaml.safe_load(text))))


def _of_jobs(data: dict[str, Any]) -> Iterator[str]:
    for job in data.get("jobs", data).values():
        if isinstance(job, dict):
            yield from (step["run"] for step in job.get("steps", []) if "run" in step)
            for kind in _STEPS:
                yield from job.get(kind, [])
