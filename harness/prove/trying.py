# SPDX-License-Identifier: Apache-2.0
"""A pytest plugin for a session that tries many defects, one after the other, each on hosts of its own.

To collect the tests costs more than to find most defects, so one session does it once. It is told by a pipe which
defect comes next and which tests to run, and answers on another what they found. A test that fails ends the attempt
(``Task``).

Load it beside the plugins of the suites (``-p harness.prove.trying``).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from typing import IO, Any

import pytest

from harness import events
from harness.emulator.service.client import EmulatedHost
from harness.prove.groups import matches
from harness.prove.hosts import mutated
from harness.prove.trials import Answer, Task
from harness.report.evidence.codec import legible
from harness.report.recording.keys import site
from harness.structured import structure, unstructure


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options: the two ends of the pipes."""
    group = parser.getgroup("proving")
    group.addoption("--prove-tasks", type=int, metavar="FD", help="descriptor from which the defects to try are read")
    group.addoption("--prove-answers", type=int, metavar="FD", help="descriptor to which the answers are written")


def pytest_configure(config: pytest.Config) -> None:
    """Take the place of pytest's own loop over the tests."""
    if config.option.prove_tasks is not None:
        config.pluginmanager.register(_Trying(), "prove-trying")


class _Trying:
    def __init__(self) -> None:
        self._unsubscribe = events.session.subscribe(self._hear)
        self._ended: list[events.CaseEnded] = []
        self._reasons: dict[str, str] = {}

    def _hear(self, event: events.Event) -> None:
        if isinstance(event, events.CaseEnded):
            self._ended.append(event)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what a test says that went wrong."""
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            said = str(crash.message if crash else report.longreprtext).strip()
            self._reasons.setdefault(report.nodeid, legible(said.partition("\n")[0]))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try one defect after the other, until there is none any more."""
        if session.testsfailed:
            raise session.Interrupted(f"{session.testsfailed} errors during collection")
        items = {item.nodeid: item for item in session.items}
        option = session.config.option
        with os.fdopen(option.prove_tasks) as tasks, os.fdopen(option.prove_answers, "w") as answers:
            self._say(answers, {"ready": len(items)})
            for line in tasks:
                task: Task = structure(json.loads(line), Task, "task")
                self._say(answers, unstructure(self._try(session, task, items)))
                if session.shouldstop:
                    raise session.Interrupted(session.shouldstop)
        return True

    @staticmethod
    def _say(answers: IO[str], message: Any) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    def _try(self, session: pytest.Session, task: Task, items: dict[str, pytest.Item]) -> Answer:
        _prepare(session.config, task)
        self._ended.clear()
        self._reasons.clear()
        began = time.monotonic()
        self._run(session, task, [items[test] for test in task.tests if test in items])
        problem = _let_go(session)
        if not self._noticed(task) and self._breaks(task) and not session.shouldstop:
            tried = {case.case for case in self._ended}
            self._run(session, task, [items[test] for test in task.starts if test in items and test not in tried])
            problem = _let_go(session) or problem
        return self._answer(task, items, problem, time.monotonic() - began)

    def _run(self, session: pytest.Session, task: Task, tests: Sequence[pytest.Item]) -> None:
        """Run the tests until one notices the defect, or the bench has broken as often as the task says."""
        had_broken = self._breaks(task)
        for item, following in zip(tests, [*tests[1:], None], strict=False):
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self._noticed(task) or session.shouldstop or (self._breaks(task) and not had_broken):
                break

    def _noticed(self, task: Task) -> bool:
        failed = deciding(self._ended, task.group)
        return failed is not None and _in_group(failed, task.group)

    def _breaks(self, task: Task) -> bool:
        errors = sum(case.verdict == "error" for case in self._ended)
        return 0 < task.errors <= errors

    def _answer(self, task: Task, items: dict[str, pytest.Item], problem: str, seconds: float) -> Answer:
        failed = deciding(self._ended, task.group)
        broken = next((case for case in self._ended if case.verdict == "error"), None)
        told = failed or broken
        if not told:
            return Answer(task.name, "error" if problem else "pass", len(self._ended), seconds, reason=problem)
        where = site(items[told.case])
        return Answer(
            task.name,
            "fail" if failed else "error",
            len(self._ended),
            seconds,
            test=told.case,
            requirements=list(told.requirements),
            place=" ".join(filter(None, (where.bench, where.placement))),
            reason=self._reasons.get(told.case, ""),
        )

    def pytest_unconfigure(self) -> None:
        """Stop listening."""
        self._unsubscribe()


def deciding(ended: Sequence[events.CaseEnded], group: str) -> events.CaseEnded | None:
    """The first test whose requirement failed, of those of ``group`` if there is one."""
    failed = [case for case in ended if case.verdict == "fail" and case.requirements]
    return next((case for case in failed if _in_group(case, group)), failed[0] if failed else None)


def _in_group(case: events.CaseEnded, group: str) -> bool:
    return not group or matches(group, case.requirements)


def _prepare(config: pytest.Config, task: Task) -> None:
    """Hosts that start from now on have the task's defect."""
    config.option.fault = task.fault or None
    os.environ[mutated.VARIABLE] = task.mutant
    EmulatedHost.program = mutated.__name__ if task.mutant else _USUAL
    if task.mutant:
        # Whether it is noticed is the question, and not by which requirement.
        config.option.model_shrink = 0.0


_USUAL = EmulatedHost.program


def _let_go(session: pytest.Session) -> str:
    """End all guests and hosts; what went wrong with that."""
    state: Any = session._setupstate
    try:
        state.teardown_exact(None)
    except Exception as error:
        return f"the benches could not be brought down: {error}"
    return ""
