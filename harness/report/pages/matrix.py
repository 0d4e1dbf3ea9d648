# SPDX-License-Identifier: Apache-2.0
"""The access matrix as a picture: which guest, configured how, reached which region, and whether it should have.

One row per configuration and guest, one cell per region name. A refused cell is grey with a bar, an allowed one green
with a tick: form and colour say the same, so that the picture can be read in black and white. What differs from the
expectation has a heavy red frame and says what was expected.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from harness.report.evidence.few import few
from harness.report.evidence.model import Access, Seen
from harness.report.pages import svg

ROWS_PER_PICTURE: Final = 28

_WIDTH: Final = 1120
_RULES_WIDTH: Final = 330
_CELLS_LEFT: Final = 430
_LETTER: Final = 7.23
_LINE: Final = 17
_CELL_HEIGHT: Final = 24
_CELL_STEP: Final = 30
_GAP: Final = 8
_HEAD: Final = 34
_MARK: Final = 22
_GUEST_LETTERS: Final = 12
_MOST_LETTERS: Final = 64
_NAME_LETTERS: Final = 40

_COLOURS: Final = {
    # verdict: fill, frame and mark, text
    "allowed": ("#d9f2df", "#176b34", "#0d3b1d"),
    "refused": ("#e7e9ee", "#565d6d", "#2b303b"),
}
_DEVIATION: Final = "#b00020"


@dataclass(frozen=True)
class Row:
    """All names that one guest tried under one configuration."""

    configuration: str
    guest: str
    cells: list[Access]


@dataclass(frozen=True)
class MatrixPicture:
    """A picture and what it shows, in words."""

    document: str
    alternative: str


def deviates(access: Access) -> bool:
    """Was something else seen than expected?"""
    return access.expected is not None and access.expected != access.seen


def rows(accesses: Iterable[Access]) -> list[Row]:
    """Group by configuration, then guest, each in the order in which it was first seen.

    What several tests tried with the same outcome is one cell.
    """
    grouped: dict[str, dict[str, dict[tuple[str, ...], Access]]] = {}
    for access in accesses:
        cells = grouped.setdefault(access.configuration, {}).setdefault(access.guest, {})
        cells.setdefault((access.name, access.operation, access.expected or "", access.seen), access)
    return [
        Row(configuration, guest, list(cells.values()))
        for configuration, guests in grouped.items()
        for guest, cells in guests.items()
    ]


def pictures(accesses: Sequence[Access], title: str) -> list[MatrixPicture]:
    """The matrix of one bench in pictures of at most ``ROWS_PER_PICTURE`` rows, so that each fits on a page."""
    all_rows = rows(accesses)
    parts = [all_rows[start : start + ROWS_PER_PICTURE] for start in range(0, len(all_rows), ROWS_PER_PICTURE)]
    return [
        MatrixPicture(_draw(part, title), _in_words(part, f"{title}, part {number} of {len(parts)}"))
        for number, part in enumerate(parts, 1)
    ]


def _in_words(part: Sequence[Row], title: str) -> str:
    cells = [cell for row in part for cell in row.cells]
    wrong = [cell for cell in cells if deviates(cell)]
    notes = few([f"{cell.guest} {cell.name} under {cell.configuration}: {cell.seen}" for cell in wrong], 5, "; ")
    verdict = f"{len(wrong)} other than expected: {notes}" if wrong else "all as expected or not judged"
    return f"Access matrix of {title}: {len(cells)} accesses, {verdict}"


def _draw(part: Sequence[Row], title: str) -> str:
    drawn = _legend()
    y = float(_HEAD)
    previous = None
    for index, row in enumerate(part):
        first = row.configuration != previous
        height = _row_height(row, first)
        if index % 2:
            drawn.append(svg.element("rect", x=0, y=y, width=_WIDTH, height=height, fill="#f6f7f9"))
        if first:
            drawn.append(svg.element("line", x1=0, y1=y, x2=_WIDTH, y2=y, stroke="#c3c8d1"))
        drawn += _draw_row(row, y, first)
        y += height
        previous = row.configuration
    drawn.append(svg.element("line", x1=0, y1=y, x2=_WIDTH, y2=y, stroke="#c3c8d1"))
    return svg.picture(_WIDTH, y + 2, f"Access matrix of {title}", drawn)


def _legend() -> list[str]:
    drawn = [
        svg.text("configuration", 8, 21, font_weight="bold"),
        svg.text("guest", _RULES_WIDTH + 8, 21, font_weight="bold"),
        svg.text("region", _CELLS_LEFT, 21, font_weight="bold"),
    ]
    x = _CELLS_LEFT + 130.0
    samples: tuple[tuple[str, Seen, Seen | None], ...] = (
        ("allowed", "allowed", "allowed"),
        ("refused", "refused", "refused"),
        ("dashed: not judged", "allowed", None),
        ("red: deviates", "allowed", "refused"),
    )
    for label, seen, expected in samples:
        sample = Access("", "", label, expected, seen, "", "", "")
        drawn += _cell(sample, x, 5, label)
        x += _cell_width(label) + _GAP
    return drawn


def _draw_row(row: Row, y: float, with_rules: bool) -> list[str]:
    drawn = []
    if with_rules:
        for number, words in enumerate(_wrap(row.configuration or "(no rule)")):
            drawn.append(svg.text(words, 8, y + 20 + number * _LINE, fill="#1b1f27"))
    for number, words in enumerate(_broken(row.guest, _GUEST_LETTERS)):
        drawn.append(svg.text(words, _RULES_WIDTH + 8, y + 20 + number * _LINE, fill="#1b1f27"))
    for cell, x, line in _placed(row.cells):
        drawn += _cell(cell, x, y + 3 + line * _CELL_STEP, _label(cell))
    return drawn


def _cell(access: Access, x: float, y: float, label: str) -> list[str]:
    fill, frame, ink = _COLOURS[access.seen]
    wrong = deviates(access)
    return [
        svg.element(
            "rect",
            x=x,
            y=y,
            width=_cell_width(label),
            height=_CELL_HEIGHT,
            rx=4,
            fill=fill,
            stroke=_DEVIATION if wrong else frame,
            stroke_width=3 if wrong else 1,
            stroke_dasharray="4 3" if access.expected is None else "none",
        ),
        _mark(access.seen, x + 12, y + _CELL_HEIGHT / 2, frame),
        svg.text(label, x + _MARK, y + 16, fill=_DEVIATION if wrong else ink),
    ]


def _mark(seen: str, x: float, y: float, colour: str) -> str:
    path = f"M{x - 5:g} {y:g}l4 4l7 -8" if seen == "allowed" else f"M{x - 5:g} {y:g}h10"
    return svg.element("path", d=path, fill="none", stroke=colour, stroke_width=2.5)


def _label(access: Access) -> str:
    words = [_name(access.name)]
    if access.operation not in ("", "create"):
        words.append(access.operation)
    if deviates(access):
        words.append(f"expected {access.expected}")
    return ", ".join(words)


def _name(name: str) -> str:
    """A region's name; one that no picture has room for says how long it is."""
    return f"{name[:_NAME_LETTERS]}… ({len(name)} characters)" if len(name) > _MOST_LETTERS else name or "(empty)"


def _cell_width(label: str) -> float:
    return round(_MARK + len(label) * _LETTER + 8)


def _placed(cells: Sequence[Access]) -> list[tuple[Access, float, int]]:
    """Each cell with its left edge and its line, wrapped at the right edge of the picture."""
    placed = []
    x, line = float(_CELLS_LEFT), 0
    for cell in cells:
        width = _cell_width(_label(cell))
        if x > _CELLS_LEFT and x + width > _WIDTH - 4:
            x, line = float(_CELLS_LEFT), line + 1
        placed.append((cell, x, line))
        x += width + _GAP
    return placed


def _row_height(row: Row, with_rules: bool) -> float:
    lines = _placed(row.cells)[-1][2] + 1
    rules = len(_wrap(row.configuration)) * _LINE + 14 if with_rules else 0
    guest = len(_broken(row.guest, _GUEST_LETTERS)) * _LINE + 14
    return max(lines * _CELL_STEP, rules, guest, _CELL_STEP)


def _wrap(rules: str) -> list[str]:
    """The rules of a configuration on lines that fit, broken between rules."""
    room = int((_RULES_WIDTH - 16) / _LETTER)
    lines = [""]
    for rule in rules.replace("\n", ", ").split(", "):
        joined = f"{lines[-1]}, {rule}" if lines[-1] else rule
        if len(joined) <= room:
            lines[-1] = joined
        else:
            lines += _broken(rule, room)
    return [line for line in lines if line]


def _broken(words: str, room: int) -> list[str]:
    """A text on lines that fit, whole: broken at blanks, and where there is none, anywhere."""
    return textwrap.wrap(words, room, subsequent_indent="  ", break_on_hyphens=False) or [words]
