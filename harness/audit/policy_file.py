# SPDX-License-Identifier: Apache-2.0
"""The file that says what a team wants: the channels of a system and their members."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from harness.shmem.config import ConfigError, Position, text_of
from harness.shmem.config.numbers import number

_CHANNEL_KEYS: Final = frozenset({"region", "members", "size", "host", "purpose"})


@dataclass(frozen=True)
class Channel:
    """A region by its host-side name, or several by a pattern, and the VMs that may use it.

    ``size_bytes`` is what it has to be created with; ``host`` are programs of the host that use it, too.
    """

    region: str
    members: tuple[str, ...]
    position: Position
    size_bytes: int | None = None
    host: tuple[str, ...] = ()
    purpose: str = ""


@dataclass(frozen=True)
class Policy:
    """The channels of a system."""

    channels: tuple[Channel, ...]
    file: str = field(default="", compare=False)


def read_policy(path: str) -> Policy:
    """The policy in a file. Raises ConfigError with the line for what it cannot be."""
    text = text_of(Path(path))
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        where = Position(path, text.count("\n", 0, error.start) + 1, 1)
        raise ConfigError("the policy is not UTF-8", where) from error
    try:
        found = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = Position(path, 1, 1) if mark is None else Position(path, mark.line + 1, mark.column + 1)
        raise ConfigError(f"no valid YAML: {error.problem or error.context}", where) from error
    except YAMLError as error:
        raise ConfigError(f"no valid YAML: {error}", Position(path, 1, 1)) from error
    except RecursionError as error:
        raise ConfigError("the policy is nested too deeply", Position(path, 1, 1)) from error
    return _Reader(path).policy(found)


class _Reader:
    def __init__(self, path: str) -> None:
        self._path = path

    def policy(self, found: object) -> Policy:
        """The whole file."""
        channels = found.get("channels") if isinstance(found, CommentedMap) else None
        if not isinstance(found, CommentedMap) or not isinstance(channels, CommentedSeq):
            raise ConfigError("a policy is a list under the key 'channels'", Position(self._path, 1, 1))
        for key in found:
            if key != "channels":
                raise ConfigError(f"unknown key '{key}'", self._at(found, key), expected="only 'channels'")
        return Policy(tuple(self._channel(channels, index) for index in range(len(channels))), self._path)

    def _at(self, node: CommentedMap | CommentedSeq, key: object) -> Position:
        try:
            line, column = node.lc.data[key][:2]
        except (KeyError, TypeError, AttributeError):
            line, column = node.lc.line, node.lc.col
        return Position(self._path, line + 1, column + 1)

    def _channel(self, channels: CommentedSeq, index: int) -> Channel:
        node = channels[index]
        where = self._at(channels, index)
        if not isinstance(node, CommentedMap):
            raise ConfigError("a channel has the keys 'region' and 'members'", where, found=f"'{node}'")
        for key in node:
            if key not in _CHANNEL_KEYS:
                expected = f"one of {', '.join(sorted(_CHANNEL_KEYS))}"
                raise ConfigError(f"unknown key '{key}'", self._at(node, key), expected=expected)
        for key in ("region", "members"):
            if key not in node:
                raise ConfigError(f"the channel has no '{key}'", where)
        region = self._text(node, "region")
        if not region:
            raise ConfigError("the region has no name", self._at(node, "region"))
        return Channel(
            region,
            self._names(node, "members"),
            where,
            self._size(node) if "size" in node else None,
            self._names(node, "host") if "host" in node else (),
            self._text(node, "purpose") if "purpose" in node else "",
        )

    def _text(self, node: CommentedMap, key: str) -> str:
        value = node[key]
        if not isinstance(value, str):
            raise ConfigError(f"'{key}' is not a text; write it in quotes", self._at(node, key), found=f"{value!r}")
        return str(value)

    def _names(self, node: CommentedMap, key: str) -> tuple[str, ...]:
        value = node[key]
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ConfigError(f"'{key}' is not a list of names", self._at(node, key), found=f"{value!r}")
        return tuple(str(item) for item in value)

    def _size(self, node: CommentedMap) -> int:
        value, where = node["size"], self._at(node, "size")
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ConfigError("'size' is not a number of bytes such as 0x10000 or 64K", where, found=f"{value!r}")
        size = int(value) if isinstance(value, int) else number(value, where, "'size'")
        if not 0 < size < 1 << 64:
            raise ConfigError("'size' is no size of a region", where, found=f"{value}", expected="1 to 2**64 - 1 bytes")
        return size


def schema() -> str:
    """The JSON Schema of a policy file."""
    names = {"type": "array", "items": {"type": "string"}}
    channel = {
        "type": "object",
        "additionalProperties": False,
        "required": ["region", "members"],
        "properties": {
            "region": {"type": "string", "minLength": 1, "description": "host-side name, or a pattern as of 'allow'"},
            "members": {**names, "description": "VMs that may use the region, by the name after 'system'"},
            "size": {"type": ["integer", "string"], "description": "bytes, also as 0x10000 or 64K"},
            "host": {**names, "description": "programs of the host that use the region"},
            "purpose": {"type": "string", "description": "for people"},
        },
    }
    return json.dumps(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Policy of a system of qvm configurations",
            "type": "object",
            "additionalProperties": False,
            "required": ["channels"],
            "properties": {"channels": {"type": "array", "items": channel}},
        },
        indent=2,
    )
