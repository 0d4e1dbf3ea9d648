# SPDX-License-Identifier: Apache-2.0
"""What a step has shown that it must not, and what that is about."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, Self

from harness.replay.model.state import Outcome
from harness.replay.script import Step
from harness.report.judging.judgements import Finding
from harness.shmem.registers import STATUS_MEMBERS_SHIFT
from harness.shmem.status import Status

_TOPICS: Final = {
    "factory": "registers",
    "peek": "registers",
    "poke": "registers",
    "find": "registers",
    "name": "registers",
    "flags": "registers",
    "config": "placement",
    "configure": "placement",
    "interrupts": "interrupts",
    "pin": "interrupts",
    "asserted": "interrupts",
    "ones": "interrupts",
    "listen": "interrupts",
    "pulses": "interrupts",
    "edges": "data",
    "read": "data",
    "left": "data",
    "stale": "data",
    "beyond": "data",
    "write": "data",
    "mark": "data",
    "notify": "signals",
    "regions": "members",
    "load": "signals",
    "store": "signals",
    "detach": "members",
    "end": "members",
}
_REQUESTS: Final = ("attach", "request", "wide", "join")
"""Steps whose status is a verdict on a name; a status that is wrong at another step is a wrong register."""


def topics_of(step: Step, expected: Outcome, seen: Outcome, created: Collection[str] = ()) -> list[str]:
    """What a difference is about, value by value: who meets others in a wrong region sees its size, and its members.

    ``created`` are the regions that creates make: a list that is wrong about one of those is about creates. One that
    has a region under another name than it must is about access.
    """
    wrong = [name for name in expected if expected[name] != seen.get(name)]
    topics = [_topic(step, name, expected, seen) for name in wrong or [""]]
    if step.verb == "regions":
        missing, more = (_regions(one.keys() - other.keys()) for one, other in ((expected, seen), (seen, expected)))
        if not (_regions(wrong) | more).isdisjoint(created):
            topics.append("creation")
        if missing and more:
            topics.append("access")
    return topics


def topics_shown(step: Step, outcome: Outcome) -> list[str]:
    """What the values of a step that has shown what it must are about, value by value."""
    topics = [_topic(step, name, outcome, outcome) for name in outcome]
    return [*topics, "members"] if "control" in outcome else topics


def _regions(values: Iterable[str]) -> set[str]:
    """The regions that these values of a list are about."""
    return {name.partition(" of ")[2] for name in values}


def _topic(step: Step, wrong: str, expected: Outcome, seen: Outcome) -> str:
    if wrong == "control":
        members = expected[wrong] >> STATUS_MEMBERS_SHIFT != seen.get(wrong, 0) >> STATUS_MEMBERS_SHIFT
        return "members" if members else "signals"
    if wrong == "index":
        return "members"
    if wrong.startswith(("mode of ", "group of ")) and wrong in seen:
        return "permissions"
    if wrong == "status" and step.verb in _REQUESTS:
        refusals = {Status.NO_PERMISSION, Status.ILLEGAL_NAME, Status.OK}
        return "access" if {expected[wrong], seen.get(wrong)} <= refusals else "registers"
    return _TOPICS.get(step.verb, "registers")


@dataclass(frozen=True)
class Difference:
    """A step that has not shown what it must, or a moment that no order of its steps explains.

    ``topic`` is what it shows first, and ``others`` what else: access, creation, permissions, registers, placement,
    members, signals, interrupts, data or paths.
    """

    step: str
    expected: str
    seen: str
    topic: str
    others: frozenset[str] = frozenset()

    @classmethod
    def of_finding(cls, step: str, found: Finding, topic: str = "registers") -> Self:
        """What a guest has found by itself at a step, or what its start has shown."""
        return cls(step, "  what the model says", f"  {found}", topic)

    def __str__(self) -> str:
        return f"{self.step}\n  expected{self.expected}\n  seen    {self.seen}"


class DifferenceError(Exception):
    """The steps so far have shown a difference."""

    def __init__(self, difference: Difference) -> None:
        super().__init__(str(difference))
        self.difference = difference
