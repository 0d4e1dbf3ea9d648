# SPDX-License-Identifier: Apache-2.0
"""A pass of a test that judged nothing is an error of the suite.

The body of a test has to make a judgement: an assertion that compares something, ``pytest.raises``, an assertion of
``unittest``, or one that code reports with ``harness.report.judging.judgements``. A characterisation has to record
something instead. A loop over nothing, a table without entries, an assertion about a constant are none.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import os
import sys
import unittest
from collections.abc import Callable, Generator, Mapping
from hashlib import sha256
from pathlib import Path
from types import FrameType
from typing import Any, Final

import pytest
from _pytest.assertion import rewrite

from harness import events, shipped
from harness.errors import HarnessError
from harness.provision.cache import cache_dir
from harness.report.evidence import catalogue
from harness.report.evidence.body import BODY
from harness.report.evidence.model import Requirement
from harness.report.judging import calls, everything
from harness.report.judging.judgements import demands, judged, taken
from harness.report.judging.lost import LostFindings, of_suites
from harness.report.judging.silent import Silent
from harness.report.judging.tautologies import of_a_mock
from harness.report.judging.vacuous import vacuous
from harness.report.recording.keys import site
from harness.report.recording.records import ACCESS, METRICS, OBSERVATIONS

_OPTION: Final = "enable_assertion_pass_hook"
_beside: Final = rewrite.get_cache_dir
_rewrite: Final = rewrite.rewrite_asserts
_OWN_TAIL: Final = ".judged2"
_EMPTY_TABLE: Final = "empty_parameter_set_mark"
_SUITES: Final = ("suites", "fixtures")
_CACHE: Final = "judged"

_SaysNothing = Callable[[FrameType, tuple[Any, ...]], bool]

KEEPER: Final = "harness-judgement-keeper"
"""The name of this plugin."""


class JudgedNothingError(HarnessError):
    """The body of a test ended and nothing is known about the device."""


class LostFindingError(HarnessError):
    """The body of a test ended well, though one of its assertions had failed."""


def arm(config: pytest.Config) -> None:
    """Let pytest report assertions that hold, from the next module that it imports.

    Its option for that is for a project's ini file, which is not ours to demand of a suite; and modules that it has
    rewritten and cached without the option would stay silent, so ours have a cache of their own.
    """
    config._inicache[_OPTION] = True
    # A test for each entry of a table that has none is skipped by default, and judges as little as a loop over nothing.
    config._inicache[_EMPTY_TABLE] = "fail_at_collect"
    if not rewrite.PYC_TAIL.startswith(_OWN_TAIL):
        rewrite.PYC_TAIL = f"{_OWN_TAIL}{rewrite.PYC_TAIL}"
        rewrite.rewrite_asserts = _with_counting_all
    if shipped.INSTALLED:
        rewrite.get_cache_dir = _cache_folder
    pytest.register_assert_rewrite(*_SUITES)


def _with_counting_all(
    mod: ast.Module, source: bytes, module_path: str | None = None, config: pytest.Config | None = None
) -> None:
    everything.put_in(mod)
    _rewrite(mod, source, module_path, config)


def _cache_folder(file_path: Path) -> Path:
    """Where a rewritten module is kept: next to it, but nothing is written into the installed package."""
    if not file_path.is_relative_to(shipped.ROOT):
        return _beside(file_path)
    return cache_dir() / _CACHE / sha256(os.fsencode(file_path.parent)).hexdigest()


def check(config: pytest.Config) -> None:
    """Raise UsageError where judgements could not be counted: pytest leaves assertions alone, or is told not to."""
    if config.getoption("assertmode", None) != "rewrite":
        raise pytest.UsageError(
            "pytest does not rewrite assertions (--assert=plain), so the judgements of a test cannot be counted"
        )


class JudgementKeeper:
    """Looks whether each body judges; ``requirements`` returns which tests are characterisations."""

    def __init__(self, requirements: Mapping[str, Requirement]) -> None:
        self._requirements = requirements
        self._in_body = False
        self._before = 0
        self._undo: list[Callable[[], None]] = []
        self._lost: LostFindings | None = None
        self._with_guests: set[str] = set()
        """Benches on which a guest was started, or was to be."""

    def pytest_sessionstart(self) -> None:
        """Count what judges without an assertion, and see which benches start guests."""
        self._undo.append(events.session.subscribe(self._see))
        self._lost = LostFindings()
        self._undo.append(self._lost.close)
        for kind in (type(pytest.raises(OSError)), type(pytest.warns(Warning))):  # noqa: PT011, PT030
            self._count_calls(kind, "__exit__", _block_says_nothing)
        for name in dir(unittest.TestCase):
            if name.startswith("assert"):
                self._count_calls(unittest.TestCase, name, functools.partial(_assertion_says_nothing, name))
        if "pytest_check" in sys.modules:
            # Functions that collect what is wrong; the plugin raises nothing, and does not report what holds.
            package, functions = sys.modules["pytest_check"], sys.modules["pytest_check.check_functions"]
            for name in {*functions.__all__} - {"check_func"}:
                for owner in (package, package.check, functions):
                    if hasattr(owner, name):
                        self._count_calls(owner, name)

    def _see(self, event: events.Event) -> None:
        if isinstance(event, events.Action) and event.what == events.START:
            self._with_guests.add(event.bench)

    def pytest_unconfigure(self) -> None:
        """Leave the classes as they were."""
        while self._undo:
            self._undo.pop()()

    def _count_calls(self, kind: object, name: str, says_nothing: _SaysNothing | None = None) -> None:
        original = getattr(kind, name)

        @functools.wraps(original)
        def counted(*arguments: Any, **options: Any) -> Any:
            result = original(*arguments, **options)
            if says_nothing is None or not says_nothing(sys._getframe(1), arguments):
                judged()
            return result

        setattr(kind, name, counted)
        self._undo.append(lambda: setattr(kind, name, original))

    def pytest_assertion_pass(self, orig: str, expl: str) -> None:
        """An assertion holds."""
        # The assertion is in the nearest module of a suite.
        frame = next(of_suites(sys._getframe()), None)
        if self._lost is not None:
            if self._lost.of_another():
                return
            self._lost.held(frame)
        # One judgement is enough, and to look into an assertion takes longer than to make it.
        if self._in_body and taken() == self._before and not of_a_mock(expl) and not vacuous(orig, frame):
            judged()

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        """Raise JudgedNothingError after a body that did not judge, or did not record what it was to record."""
        __tracebackhide__ = True
        self._before, met = taken(), demands()
        silent = Silent(item.function) if isinstance(item, pytest.Function) else None
        self._in_body = True
        if self._lost is not None:
            self._lost.forget()
        try:
            with silent.watched() if silent else contextlib.nullcontext():
                yield
        except pytest.skip.Exception:
            self._expect_none_lost(item)
            raise
        finally:
            self._in_body = False
        if isinstance(item, pytest.DoctestItem) or not item.stash[BODY].ended:
            return
        self._expect_none_lost(item)
        named = catalogue.requirements_of(item)
        recorded = OBSERVATIONS in item.stash or METRICS in item.stash or ACCESS in item.stash
        only_recorded = len(catalogue.recorded_only(item, self._requirements)) == len(named)
        if only_recorded and recorded:
            return
        if only_recorded and named:
            raise JudgedNothingError(
                "the characterisation recorded nothing", remedy="record an observation, a figure or an access"
            )
        if taken() == self._before and not (silent is not None and silent.judged(demands() > met)):
            raise JudgedNothingError(
                "the test judged nothing: its body ended without checking anything",
                remedy="assert something that the device decides; code outside of test modules reports its checks with"
                " harness.report.judging.judgements",
            )
        self._expect_guests(item)

    def _expect_none_lost(self, item: pytest.Item) -> None:
        """Raise LostFindingError if an assertion of the body failed and nobody heard that; a skip tells nobody."""
        if isinstance(item, pytest.Function) and self._lost is not None and (lost := self._lost.of(item.function)):
            raise LostFindingError(
                lost, remedy="make assertions in the test's own thread, and let their failures leave the test"
            )

    def _expect_guests(self, item: pytest.Item) -> None:
        """Raise JudgedNothingError if no guest was started where the test ran.

        A test may look at what an earlier one has found out, so this is asked of the session.
        """
        bench = site(item).bench
        if bench and bench not in self._with_guests:
            raise JudgedNothingError(
                f"the test judged nothing of the device: no guest was started on bench {bench}",
                remedy="start guests with the fixture deploy, and assert what they see",
            )


def _block_says_nothing(frame: FrameType, arguments: tuple[Any, ...]) -> bool:
    """Whether a ``pytest.raises`` or ``pytest.warns`` says nothing, at the end of its block."""
    context = arguments[0]
    anything = calls.is_any(getattr(context, "expected_exceptions", ()))
    narrowed = getattr(context, "match", None) is not None or getattr(context, "check", None) is not None
    return (anything and not narrowed) or calls.block_of_constants(frame)


def _assertion_says_nothing(name: str, frame: FrameType, arguments: tuple[Any, ...]) -> bool:
    """Whether an assertion of ``unittest`` says nothing; those that it calls itself are not counted."""
    if frame.f_globals.get("__name__", "").partition(".")[0] == "unittest" or calls.of_any_error(name, arguments):
        return True
    if calls.of_a_block(name, arguments):
        return calls.block_of_constants(frame)
    return calls.of_constants(frame, name)
