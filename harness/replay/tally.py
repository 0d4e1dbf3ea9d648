# SPDX-License-Identifier: Apache-2.0
"""How much of what can happen has happened: steps, states, pairs of operations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from harness.replay.model.state import Outcome
from harness.replay.script import HOST, Step


@dataclass
class Tally:
    """Steps that were compared, the operations with their answers, and which of them came one after the other.

    ``topics`` has how many of the compared values were about each topic (``harness.replay.differences``).

    An operation counts by its kind and by how it was answered: a refused request is another one than a granted one.
    """

    steps: int = 0
    topics: Counter[str] = field(default_factory=Counter)
    operations: dict[str, int] = field(default_factory=dict)
    pairs: set[tuple[str, str]] = field(default_factory=set)
    states: set[int] = field(default_factory=set)
    seconds: float = 0.0
    _before: str = ""

    def count(self, step: Step, outcome: Outcome) -> None:
        """A step and what it must show."""
        who = "host" if step.actor == HOST else "guest"
        answer = f" {outcome['status']}" if "status" in outcome else ""
        together = " together" if "together" in outcome else ""
        operation = f"{who} {step.verb}{answer}{together}"
        self.operations[operation] = self.operations.get(operation, 0) + 1
        if self._before:
            self.pairs.add((self._before, operation))
        self._before = operation

    def compared(self, steps: int, topics: Iterable[str]) -> None:
        """So many steps have been compared, with values about these topics."""
        self.steps += steps
        self.topics.update(topics)

    def state(self, key: object) -> None:
        """The system has been in this state."""
        self.states.add(hash(key))

    @property
    def rate(self) -> float:
        """Steps in a second."""
        return self.steps / self.seconds if self.seconds else 0.0
