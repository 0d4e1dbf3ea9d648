# SPDX-License-Identifier: Apache-2.0
"""Mutants that only a reading shows which no bench has: what the sources come to under the profiles of the benches.

The emulated device has every reading of every open question, and a bench has one of each. A source is worked out as
far as a profile decides it: questions about readings become their answers, branches that are never taken go, and so do
functions that nobody calls any more. If a mutant comes to the same as the original under every profile, then no suite
on these benches can distinguish them.
"""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from harness import shipped
from harness.prove.mutation.mutant import Mutant

Readings = Mapping[str, str]
"""Of a profile, by field."""

_SOURCES: Final = ("emulator/*.py", "emulator/[!f]*/*.py")
"""The emulated host without the faults that are put into it."""

REASON: Final = "only a reading that no bench has would show it"

_ANSWERS: Final[dict[type[ast.cmpop], Any]] = {
    ast.Eq: lambda one, other: one == other,
    ast.NotEq: lambda one, other: one != other,
    ast.In: lambda one, other: one in other,
    ast.NotIn: lambda one, other: one not in other,
}


class Benches:
    """The profiles of the benches, and what the original sources come to under each."""

    def __init__(self, profiles: Iterable[Readings]) -> None:
        different = {json.dumps(dict(profile), sort_keys=True) for profile in profiles if profile}
        self._profiles: list[Readings] = [json.loads(text) for text in sorted(different)]
        self._uncalled = [_uncalled(profile) for profile in self._profiles]
        self._originals: dict[str, list[str]] = {}

    @property
    def readings(self) -> frozenset[str]:
        """Each reading that one of the benches has, as ``FIELD: VALUE``."""
        return frozenset(f"{name}: {value}" for profile in self._profiles for name, value in profile.items())

    def show(self, mutant: Mutant) -> bool:
        """Whether under one of the profiles the mutant could be another device than the original."""
        if not self._profiles:
            return True
        if mutant.file not in self._originals:
            self._originals[mutant.file] = self._worked_out((shipped.PACKAGE / mutant.file).read_text())
        return self._worked_out(mutant.source) != self._originals[mutant.file]

    def _worked_out(self, source: str) -> list[str]:
        pairs = zip(self._profiles, self._uncalled, strict=True)
        return [ast.dump(_worked_out(source, profile, uncalled)) for profile, uncalled in pairs]


def _uncalled(readings: Readings) -> frozenset[str]:
    """Names of functions of the emulated host that nothing in it names, as soon as the readings are known."""
    sources = [path.read_text() for place in _SOURCES for path in sorted(shipped.PACKAGE.glob(place))]
    uncalled: frozenset[str] = frozenset()
    while True:
        trees = [_worked_out(source, readings, uncalled) for source in sources]
        nodes = [node for tree in trees for node in ast.walk(tree)]
        named = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        named |= {node.id for node in nodes if isinstance(node, ast.Name)}
        functions = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        found = uncalled | {name for name in functions - named if not name.startswith("__")}
        if found == uncalled:
            return found
        uncalled = found


def _worked_out(source: str, readings: Readings, uncalled: frozenset[str]) -> ast.AST:
    tree: ast.AST = _Known(readings, uncalled).visit(ast.parse(source))
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            if isinstance(block := getattr(node, name, None), list):
                ends = [number for number, one in enumerate(block, 1) if isinstance(one, ast.Return | ast.Raise)]
                del block[ends[0] if ends else len(block) :]
    return tree


class _Known(ast.NodeTransformer):
    """Puts the readings in, and takes away what they decide against."""

    def __init__(self, readings: Readings, uncalled: frozenset[str]) -> None:
        self._readings = readings
        self._uncalled = uncalled
        self._set: Counter[str] = Counter()
        self._local: dict[str, ast.Constant] = {}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST | None:
        """What nobody calls goes. A name that is set once, to a reading, is that reading."""
        if node.name in self._uncalled:
            return None
        around = self._set, self._local
        names = [one for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)]
        self._set, self._local = Counter(one.id for one in names), {}
        self.generic_visit(node)
        self._set, self._local = around
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        """Note a name for a reading."""
        self.generic_visit(node)
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str()) as known):
                if self._set[name] == 1:
                    self._local[name] = known
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """A name for a reading."""
        return self._local.get(node.id, node) if isinstance(node.ctx, ast.Load) else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """A reading."""
        self.generic_visit(node)
        owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
        if owner.endswith("profile") and node.attr in self._readings:
            return ast.Constant(self._readings[node.attr])
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """A question about a reading."""
        self.generic_visit(node)
        answer = _ANSWERS.get(type(node.ops[0]))
        values = [_constant(side) for side in (node.left, node.comparators[0])]
        if len(node.ops) > 1 or answer is None or None in values:
            return node
        return ast.Constant(answer(*values))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        """The opposite of an answer."""
        self.generic_visit(node)
        known = isinstance(node.op, ast.Not) and isinstance(node.operand, ast.Constant)
        return ast.Constant(not node.operand.value) if known else node  # type: ignore[attr-defined]

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        """What stands behind an answer that decides is never asked; one that does not decide can go, if it is first."""
        self.generic_visit(node)
        decides = isinstance(node.op, ast.Or)
        values: list[ast.expr] = []
        for value in node.values:
            answer = bool(value.value) if isinstance(value, ast.Constant) else None
            if answer is (not decides) and value is not node.values[-1]:
                continue
            values.append(value)
            if answer is decides:
                break
        return values[0] if len(values) == 1 else ast.BoolOp(node.op, values)

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        """The one that is taken."""
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse
        if _decided(node.test) is False:
            node.body = ast.Constant(None)
        elif _decided(node.test):
            node.orelse = ast.Constant(None)
        return node

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        """The branch that is taken."""
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return (node.body if node.test.value else node.orelse) or ast.Pass()
        if _decided(node.test) is False:
            node.body = [ast.Pass()]
        elif _decided(node.test):
            node.orelse = []
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """An entry of a table by a reading."""
        self.generic_visit(node)
        if isinstance(node.value, ast.Dict) and isinstance(node.slice, ast.Constant):
            for key, value in zip(node.value.keys, node.value.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == node.slice.value:
                    return value
        return node

    def visit_Match(self, node: ast.Match) -> ast.AST | list[ast.stmt]:
        """The case of a reading."""
        self.generic_visit(node)
        if not isinstance(node.subject, ast.Constant):
            return node
        for case in node.cases:
            if case.guard is not None or _case(case.pattern, node.subject.value) is None:
                return node
            if _case(case.pattern, node.subject.value):
                bound = case.pattern.name if isinstance(case.pattern, ast.MatchAs) else None
                named = [ast.Assign([ast.Name(bound, ast.Store())], node.subject)] if bound else []
                return [*named, *case.body]
        return ast.Pass()


def _decided(test: ast.expr) -> bool | None:
    """What a condition comes to whose last part decides, whatever the parts before it are; None if that is not so."""
    if isinstance(test, ast.BoolOp) and isinstance(last := test.values[-1], ast.Constant):
        decides = isinstance(test.op, ast.Or)
        return decides if bool(last.value) == decides else None
    return None


def _case(pattern: ast.pattern, value: object) -> bool | None:
    """Whether the pattern fits; None if that is not clear."""
    match pattern:
        case ast.MatchValue(value=ast.Constant(value=text)):
            return bool(text == value)
        case ast.MatchOr(patterns=patterns):
            found = [_case(one, value) for one in patterns]
            return None if None in found else any(found)
        case ast.MatchAs(pattern=None):
            return True
    return None


def _constant(node: ast.expr) -> object | None:
    """A text, or texts; None for everything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Tuple | ast.Set | ast.List) and (values := _texts(node.elts)) is not None:
        return values
    return None


def _texts(nodes: Sequence[ast.expr]) -> list[str] | None:
    values = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return values if len(values) == len(nodes) else None
