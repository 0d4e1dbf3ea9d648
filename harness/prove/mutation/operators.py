# SPDX-License-Identifier: Apache-2.0
"""What can be changed in a source: operators of mutmut, and two of our own for what a device must not forget.

Operators are left out that put None in the place of a value or drop an argument: nearly all of what they make ends in
an exception of Python, and whether the suites notice that a host breaks is not the question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import libcst
import libcst.matchers as m
from mutmut.mutation import mutators

Operator = tuple[type[libcst.CSTNode], Callable[[Any], Iterable[libcst.CSTNode]]]


def _text(node: libcst.BaseString) -> Iterator[libcst.CSTNode]:
    """One other text is as good as three: what compares texts compares them whole."""
    for changed in mutators.operator_string(node):
        yield changed
        return


def _statement(node: libcst.SimpleStatementLine) -> Iterator[libcst.CSTNode]:
    """A call whose value nobody uses, or a change of something that lasts, is forgotten."""
    kept = m.Attribute() | m.Subscript()
    lasting = m.Assign(targets=[m.AssignTarget(target=kept)]) | m.AugAssign(target=kept) | m.AnnAssign(target=kept)
    if len(node.body) == 1 and m.matches(node.body[0], m.Expr(value=m.Call()) | lasting | m.Del()):
        yield node.with_changes(body=[libcst.Pass()])


def _condition(node: libcst.If | libcst.While | libcst.IfExp) -> Iterator[libcst.CSTNode]:
    """What is asked is the opposite. Comparisons have operators of their own."""
    if not m.matches(node.test, m.Comparison() | m.UnaryOperation() | m.NamedExpr()):
        inner = node.test.with_changes(lpar=[libcst.LeftParen()], rpar=[libcst.RightParen()])
        yield node.with_changes(test=libcst.UnaryOperation(operator=libcst.Not(), expression=inner))


OPERATORS: Final[Sequence[Operator]] = (
    (libcst.BaseNumber, mutators.operator_number),
    (libcst.BaseString, _text),
    (libcst.Name, mutators.operator_name),
    (libcst.AugAssign, mutators.operator_augmented_assignment),
    (libcst.UnaryOperation, mutators.operator_remove_unary_ops),
    (libcst.Call, mutators.operator_symmetric_string_methods_swap),
    (libcst.Call, mutators.operator_unsymmetrical_string_methods_swap),
    (libcst.CSTNode, mutators.operator_keywords),
    (libcst.CSTNode, mutators.operator_swap_op),
    (libcst.Match, mutators.operator_match),
    (libcst.IfExp, mutators.operator_if_exp),
    (libcst.SimpleStatementLine, _statement),
    (libcst.If, _condition),
    (libcst.While, _condition),
)
