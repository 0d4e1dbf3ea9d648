# SPDX-License-Identifier: Apache-2.0
"""A proof in few sessions: each fault is tried by tests that reach what it replaces, up to a budget."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Final

from harness import shipped
from harness.emulator.faults.catalogue import Fault
from harness.emulator.faults.injection import replaced
from harness.prove.choosing import Choice, Looks, choose_twice
from harness.prove.groups import matches
from harness.prove.model import Catch, Control, Outcome, Proof
from harness.prove.reach import Reach, Seen, Statement, read
from harness.prove.record import Record
from harness.prove.trials import Answer, Task, Trials

_GOOD: Final = ("pass", "skipped", "known", "recorded")


@dataclass(frozen=True)
class Quick:
    """The sessions, what they found so far, and the time that a fault may cost."""

    trials: Trials
    record: Record
    looks: Looks

    async def run(self, faults: Sequence[Fault], folders: Sequence[Path], control: str, began: float) -> None:
        """Judge the session without a fault by its record, then try every fault."""
        reach = read(folders)
        failed = [f"{seen.test}: {seen.verdict}" for seen in reach.seen if seen.verdict not in _GOOD]
        place = folders[0].parent.name if folders else ""
        self.record.control(Control(control, round(time.monotonic() - began, 1), len(reach.seen), place, failed), {})
        by_name = {fault.name: fault for fault in faults}
        choices = {fault.name: choice_for(reach, fault, self.looks) for fault in faults}
        for fault in faults:
            if not choices[fault.name].tests:
                self.record.proof(_proof(fault, Answer(fault.name, "pass", 0, 0.0)))
        tasks = [
            Task(name, choice.tests, fault=name, group=by_name[name].group)
            for name, choice in choices.items()
            if choice.tests
        ]
        await self.trials.run(tasks, lambda answer: self.record.proof(_proof(by_name[answer.name], answer)))


def choice_for(reach: Reach, fault: Fault, looks: Looks) -> Choice:
    """The tests that are worth trying against a fault, by a record and within the time for them."""

    def own(seen: Seen) -> bool:
        return matches(fault.group, seen.requirements)

    statements = [_statement(code) for code in replaced(fault.name)]
    known = [statement for statement in statements if statement is not None and statement.file in reach.lines]
    if len(known) == len(statements):
        return choose_twice(reach, known, looks, own)
    # What is no function of the device, or of a source that was not watched, may show anywhere.
    everything = [Statement(file, min(lines), max(lines)) for file, lines in reach.lines.items()]
    return choose_twice(reach, everything, looks, own)


def _statement(code: CodeType | None) -> Statement | None:
    """The lines of a function's body, and of functions in it."""
    if code is None or not Path(code.co_filename).is_relative_to(shipped.PACKAGE):
        return None
    lines = set(_lines(code)) - {code.co_firstlineno}
    file = Path(code.co_filename).relative_to(shipped.PACKAGE).as_posix()
    return Statement(file, min(lines), max(lines)) if lines else None


def _lines(code: CodeType) -> list[int]:
    own = [line for _, _, line in code.co_lines() if line]
    return own + [line for inner in code.co_consts if isinstance(inner, CodeType) for line in _lines(inner)]


def _proof(fault: Fault, answer: Answer) -> Proof:
    outcome: Outcome = "survived"
    problem = ""
    if answer.verdict == "fail":
        outcome = "caught" if matches(fault.group, answer.requirements) else "elsewhere"
    elif answer.verdict != "pass":
        outcome, problem = "error", answer.reason or "the benches broke"
    caught = Catch(answer.requirements, answer.test, answer.place, answer.reason) if answer.verdict == "fail" else None
    return Proof(
        fault.name, fault.group, fault.text, outcome, round(answer.seconds, 2), answer.tests, "", caught, problem
    )
