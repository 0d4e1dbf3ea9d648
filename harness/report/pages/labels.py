# SPDX-License-Identifier: Apache-2.0
"""Tables that can be read in a narrow window: each cell knows the heading of its column.

Where a table does not fit, the style sheet shows each row as a list, and the headings in front of the cells.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import Final

_MARK: Final = re.compile(r"<(/?)(table|thead|tr|th|td)\b([^>]*)>")
_SPAN: Final = re.compile(r'\bcolspan="(\d+)"')
_MARKUP: Final = re.compile(r"<br>|(<[^>]*>)")


@dataclass
class _Table:
    """The headings so far, and where in a row the reader is."""

    heads: list[str] = field(default_factory=list)
    in_head: bool = False
    column: int = 0


def labelled(page: str) -> str:
    """The page with ``data-head`` on the cells of its tables, but for the first of each row, which needs none."""
    parts: list[str] = []
    taken = 0
    table = _Table()
    for mark in _MARK.finditer(page):
        closing, name, attributes = mark.groups()
        if name == "table":
            table = _Table()
        elif name == "thead":
            table.in_head = not closing
        elif name == "tr":
            table.column = 0
        elif not closing:
            span = _SPAN.search(attributes)
            if table.in_head:
                table.heads += [_words(page, mark.end(), name)] * (int(span[1]) if span else 1)
            elif 0 < table.column < len(table.heads) and not span:
                parts += [page[taken : mark.end() - 1], f' data-head="{table.heads[table.column]}"']
                taken = mark.end() - 1
            table.column += int(span[1]) if span else 1
    return "".join([*parts, page[taken:]])


def _words(page: str, start: int, name: str) -> str:
    """The text of a cell, fit for an attribute."""
    content = page[start : page.index(f"</{name}>", start)]
    plain = _MARKUP.sub(lambda mark: "" if mark[1] else " ", content)
    return html.escape(html.unescape(" ".join(plain.split())))
