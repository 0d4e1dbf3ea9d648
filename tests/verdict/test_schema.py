# SPDX-License-Identifier: Apache-2.0
"""The published schema of results.json is the one of the records, and what the harness writes is valid by it."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import jsonschema
import pytest

from harness.report.evidence import schema
from tests.verdict.world import Ran

PUBLISHED: dict[str, Any] = json.loads(resources.files("harness.report.evidence").joinpath(schema.FILE).read_text())


def test_the_published_schema_is_that_of_the_records() -> None:
    # To make it anew: python -c "import json; from harness.report.evidence import schema;
    # print(json.dumps(schema.results_schema(), indent=1))" > harness/report/evidence/results.schema.json
    assert schema.results_schema() == PUBLISHED
    jsonschema.Draft202012Validator.check_schema(PUBLISHED)


def test_what_a_run_writes_is_valid(passed: Ran) -> None:
    jsonschema.validate(passed.results, PUBLISHED)


@pytest.mark.parametrize(
    ("way", "value"),
    [
        (["run", "verdict"], "maybe"),
        (["run", "shortfalls"], [{"kind": "mood", "text": ""}]),
        (["results", 0, "bench"], 7),
        (["cases", 0, "verdict"], None),
        (["scope", 0, "judged"], "2"),
        (["schema"], 1),
    ],
)
def test_what_no_run_writes_is_not(passed: Ran, way: list[str | int], value: object) -> None:
    results: Any = passed.results
    inner = results
    for step in way[:-1]:
        inner = inner[step]
    inner[way[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(results, PUBLISHED)
