# SPDX-License-Identifier: Apache-2.0
"""The JSON Schema of ``results.json``, made from the records themselves.

``results.schema.json`` next to this module is the one of this version, for other tools; a test holds it against this.
"""

from __future__ import annotations

import dataclasses
import inspect
import types
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from harness.report.evidence.model import SCHEMA, Report

FILE: Final = "results.schema.json"

_PLAIN: Final = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def results_schema() -> dict[str, Any]:
    """The schema of a whole file. Fields may be added to a version, so further ones are valid."""
    defined: dict[str, Any] = {}
    whole = _of_record(Report, defined)
    whole["properties"]["schema"] = {"const": SCHEMA}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"results.json of shmem-harness, version {SCHEMA}",
        **whole,
        "$defs": dict(sorted(defined.items())),
    }


def _of_record(cls: type[Any], defined: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    required: list[str] = []
    hints = get_type_hints(cls)
    for field in dataclasses.fields(cls):
        if field.metadata.get("flat"):
            inside = _of_record(hints[field.name], defined)
            properties |= inside["properties"]
            required += inside["required"]
        else:
            properties[field.name] = _of(hints[field.name], defined)
            # The harness writes every field.
            required.append(field.name)
    described = (inspect.getdoc(cls) or "").partition("\n")[0]
    return {"type": "object", "description": described, "properties": properties, "required": sorted(required)}


def _of(hint: Any, defined: dict[str, Any]) -> dict[str, Any]:
    origin, inside = get_origin(hint), get_args(hint)
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    if origin is Literal:
        return {"enum": list(inside)}
    if origin is list:
        return {"type": "array", "items": _of(inside[0], defined)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _of(inside[1], defined)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [_of(each, defined) for each in inside]}
    if hint.__name__ not in defined:
        # Before its fields, which may name it again.
        defined[hint.__name__] = {}
        defined[hint.__name__].update(_of_record(hint, defined))
    return {"$ref": f"#/$defs/{hint.__name__}"}
