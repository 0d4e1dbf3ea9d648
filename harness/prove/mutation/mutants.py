# SPDX-License-Identifier: Apache-2.0
"""All mutants of the emulated device: what each changes, in which line of which function.

The list is the same on every machine, as long as the sources and mutmut are.
"""

from __future__ import annotations

import ast
import hashlib
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import libcst
import libcst.matchers as m
from libcst.metadata import MetadataWrapper, PositionProvider, WhitespaceInclusivePositionProvider

from harness import shipped
from harness.prove.mutation.mutant import Mutant
from harness.prove.mutation.operators import OPERATORS

PLACES: Final = (
    "emulator/device/*.py",
    "emulator/machine/addresses.py",
    "emulator/machine/lines.py",
    "emulator/machine/memory_mapped.py",
    "emulator/machine/placement.py",
    "emulator/service/programs.py",
)
"""The device, where a guest finds it, and what host programs do with regions; below the package."""


def mutants() -> list[Mutant]:
    """All of them, file by file, from the first line to the last."""
    files = sorted({path for place in PLACES for path in shipped.PACKAGE.glob(place)})
    return [mutant for path in files for mutant in _of_file(path)]


def _of_file(path: Path) -> Iterator[Mutant]:
    source = path.read_text()
    wrapper = MetadataWrapper(libcst.parse_module(source))
    visitor = _Changes(wrapper.module)
    wrapper.visit(visitor)
    statements = _Statements(source)
    lines = source.splitlines()
    file = path.relative_to(shipped.PACKAGE).as_posix()
    known = {source}
    for function, line, text in visitor.found:
        if text in known:
            continue
        known.add(text)
        name = hashlib.sha256(f"{file}\n{text}".encode()).hexdigest()[:10]
        first, last = statements.around(line)
        before, after = _difference(lines, text.splitlines())
        yield Mutant(name, file, function, line, first, last, before, after, text)


def _difference(old: Sequence[str], new: Sequence[str]) -> tuple[str, str]:
    """The lines that are not the same, in the one and in the other, without the indentation."""
    same = _alike(old, new)
    end = _alike(old[same:][::-1], new[same:][::-1])
    before, after = old[same : len(old) - end], new[same : len(new) - end]
    return "\n".join(map(str.strip, before)), "\n".join(map(str.strip, after))


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """How many lines at the beginning are the same."""
    return next(
        (count for count, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]),
        min(len(one), len(other)),
    )


_TELLING: Final = m.MatchRegex("(ConfigError|_?broken|note|warning)$")


class _Changes(libcst.CSTVisitor):
    """What the operators change, except where that is a type, documentation or a message.

    ``found`` has function, line and the whole text of each.
    """

    METADATA_DEPENDENCIES = (PositionProvider, WhitespaceInclusivePositionProvider)

    def __init__(self, module: libcst.Module) -> None:
        super().__init__()
        source = module.code
        self.found: list[tuple[str, int, str]] = []
        self._module = module
        self._names: list[str] = []
        self._told = 0
        self._source = source
        self._begins = [0]
        for line in source.splitlines(keepends=True):
            self._begins.append(self._begins[-1] + len(line))

    def on_visit(self, node: libcst.CSTNode) -> bool:
        """Note what could be in the place of the node."""
        if isinstance(node, libcst.Annotation | libcst.Decorator | libcst.ImportFrom | libcst.Import):
            return False
        if isinstance(node, libcst.BaseString) and self._told:
            return False
        if isinstance(node, libcst.FunctionDef | libcst.ClassDef):
            self._names.append(node.name.value)
        self._told += _tells(node)
        position: Any = self.get_metadata(PositionProvider, node, None)
        if position is not None:
            for kind, operator in OPERATORS:
                if isinstance(node, kind):
                    where, line = ".".join(self._names), position.start.line
                    self.found += [(where, line, self._with(node, changed)) for changed in operator(node)]
        return True

    def on_leave(self, original_node: libcst.CSTNode) -> None:
        """Leave a function, a class or a message."""
        self._told -= _tells(original_node)
        if isinstance(original_node, libcst.FunctionDef | libcst.ClassDef):
            self._names.pop()

    def _with(self, old: libcst.CSTNode, new: libcst.CSTNode) -> str:
        """The whole text with ``new`` in the place of ``old``."""
        span: Any = self.get_metadata(WhitespaceInclusivePositionProvider, old)
        first = self._begins[span.start.line - 1] + span.start.column
        last = self._begins[span.end.line - 1] + span.end.column
        text = self._module.code_for_node
        begin: Any = self.get_metadata(PositionProvider, old)
        # The lines of a statement are indented by what is around it, which the statement itself does not know.
        for indent in ("", " " * begin.start.column):
            if self._source[first:last] == textwrap.indent(text(old), indent):
                return self._source[:first] + textwrap.indent(text(new), indent) + self._source[last:]
        # Such as a statement with a text of several lines. This costs a hundred times as much.
        replaced: Any = self._module.deep_replace(old, new)
        return str(replaced.code)


def _tells(node: libcst.CSTNode) -> bool:
    """Whether texts in it are for people: no requirement says how they read."""
    called = m.Call(func=m.Name(_TELLING) | m.Attribute(attr=m.Name(_TELLING)))
    return m.matches(node, m.Raise() | called)


class _Statements:
    """The statements of a source by their lines. Of a compound one the lines before its body are its own."""

    def __init__(self, source: str) -> None:
        self._spans: list[tuple[int, int]] = []
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.stmt | ast.match_case | ast.excepthandler):
                self._spans.append(_span(node))

    def around(self, line: int) -> tuple[int, int]:
        """First and last line of the shortest statement that has the line."""
        around = [span for span in self._spans if span[0] <= line <= span[1]]
        return min(around, key=lambda span: span[1] - span[0], default=(line, line))


def _span(node: ast.stmt | ast.match_case | ast.excepthandler) -> tuple[int, int]:
    if isinstance(node, ast.match_case):
        return node.pattern.lineno, max(node.pattern.lineno, node.body[0].lineno - 1)
    body = getattr(node, "body", None) or getattr(node, "cases", None)
    if not body:
        return node.lineno, node.end_lineno or node.lineno
    first = body[0].pattern if isinstance(body[0], ast.match_case) else body[0]
    return node.lineno, max(node.lineno, first.lineno - 1)
