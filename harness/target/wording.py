# SPDX-License-Identifier: Apache-2.0
"""What a YAML library means by its complaint, in words that a person can act on, and the line where the slip is."""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

_REMEDIES: Final = {
    "recursive": "an alias (*) is used inside the value that it names",
    "\\t": "a tab is used for indentation: use spaces",
    "2002:value": "a value of = needs quotes",
    "but found sequence": "a key has to be a text, not a list or a mapping",
    "but found mapping": "a key has to be a text, not a list or a mapping",
    "mapping values are not allowed": "a second ': ' in one line needs quotes, or the line is indented too far",
    "sequence entries are not allowed": "a list begins in a new line, below its key",
    "undefined alias": "a text that begins with * needs quotes",
    "that cannot start any token": "a text that begins with this character needs quotes",
    "unknown escape character": "a backslash in double quotes has to be doubled; in single quotes it stays as it is",
}
"""By words that are in what a library says."""
_CONFLICT: Final = ("<<<<<<<", "=======", ">>>>>>>", "|||||||")
_QUOTES: Final = ('"', "'")
_BRACKETS: Final = {"flow sequence": "[", "flow mapping": "{"}


def explained(error: yaml.MarkedYAMLError | Any, text: str) -> tuple[int, str]:
    """The line (from 1) and the words for a complaint of PyYAML or ruamel.yaml with a mark."""
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    said, context = str(error.problem or error.context), str(error.context or "")
    began = error.context_mark.line + 1 if error.context_mark else line
    for number in (line, began):
        if words := _foreign(_line(text, number)):
            return number, words
    for part, remedy in _REMEDIES.items():
        if part in said:
            return line, remedy
    if "expected the node content" in said:
        return min(line, text.count("\n") or 1), "a value is missing here, or a [ or { above is not closed"
    if "quoted scalar" in context:
        return began, "the quote that begins in this line is not closed"
    if "could not find expected ':'" in said:
        return began, "this line needs a key, a colon and a space: 'key: value'"
    if bracket := next((sign for kind, sign in _BRACKETS.items() if kind in context), ""):
        return began, f"the {bracket} of this line is not closed, or a comma is missing (read up to line {line})"
    if "expected <block end>" in said:
        return _out_of_place(text, line)
    return line, said


def _line(text: str, number: int) -> str:
    lines = text.splitlines()
    return lines[number - 1] if number <= len(lines) else ""


def _foreign(line: str) -> str:
    """What does not belong into a line in any case."""
    if line.startswith(_CONFLICT):
        return "a merge conflict marker is left here"
    odd = next((character for character in line if character != " " and re.match(r"[^\S\t]", character)), "")
    return f"this line has a character that only looks like a space (U+{ord(odd):04X}): type a space" if odd else ""


def _out_of_place(text: str, line: int) -> tuple[int, str]:
    """Something stands where a mapping or a list cannot go on."""
    quoted: yaml.Token | None = None
    try:
        for token in yaml.scan(text):
            if token.start_mark.line >= line:
                break
            if isinstance(token, yaml.ScalarToken) and not token.plain:
                quoted = token
    except yaml.YAMLError:
        pass
    if quoted is not None and quoted.start_mark.line < quoted.end_mark.line == line - 1:
        return quoted.start_mark.line + 1, f"the quote that begins in this line is closed only in line {line}"
    value = _line(text, line).partition(": ")[2].lstrip()
    if value.startswith(_QUOTES):
        return line, "there is text after the closing quote: put the quotes around the whole value"
    return line, "the indentation of this line does not match the lines around it"
