# SPDX-License-Identifier: Apache-2.0
"""Looks at what came of the turns of a history."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Final

from harness.replay.drawn.steps import Draws
from harness.replay.model.parties import LINE_MASKED, Region
from harness.replay.model.reference import Reference
from harness.replay.script import HOST, Step
from harness.replay.trial import Trial

_LARGE: Final = 70
_LOOKS_BACK: Final = 0.05
"""How often a look goes to a place that a guest has left."""
_LOOKS_BEHIND: Final = 0.1
"""How often a look goes behind a region."""
_OTHER_LOOKS: Final = 0.3
"""How often a look at a status word is a load of another width, or from beside it."""
_PIN_ON: Final = 0.3
"""How often a look switches an interrupt pin on that is off: what is due comes then."""
_LOOKS_AT_PIN: Final = 0.3
"""How often a look asks a device on PCI whether its pin has something to tell."""
_MASKED_LOOKS: Final = 0.2
"""How often a look counts interrupts of a line that the handler masks: the host may raise a level again with delay."""


class Looks:
    """Draws looks at the state of a trial; ``add`` carries a step out."""

    def __init__(self, random: Random, trial: Trial, draws: Draws, add: Callable[[Step], None]) -> None:
        self._random = random
        self._trial = trial
        self._draws = draws
        self._add = add

    @property
    def _reference(self) -> Reference:
        return self._trial.reference

    def some(self) -> None:
        """What came of a turn: nothing, something, all that takes no signals, or everything."""
        chance = self._random.random()
        if chance < 0.35:
            return
        if chance < 0.65:
            for actor in sorted(self._reference.devices):
                for step in self._looks(actor, statuses=True):
                    if self._random.random() < 0.2:
                        self._add(step)
            return
        self.everything(statuses=chance > 0.75)

    def everything(self, *, statuses: bool = True) -> None:
        for actor in sorted(self._reference.devices):
            for step in self._looks(actor, statuses=statuses):
                self._add(step)
        if self._trial.world.programs:
            for step in list(self._host_looks(statuses=statuses)):
                self._add(step)

    def _looks(self, actor: str, *, statuses: bool) -> Iterator[Step]:
        for number, factory in enumerate(self._reference.devices[actor]):
            if factory.due.waits and self._random.random() < _PIN_ON:
                yield Step(actor, "pin", ("1", str(number)))
            if factory.due.how and (factory.due.how != LINE_MASKED or self._random.random() < _MASKED_LOOKS):
                yield Step(actor, "interrupts", (str(number),))
            if self._random.random() < _LOOKS_AT_PIN:
                yield Step(actor, "asserted", (str(number),))
            yield Step(actor, "factory", (str(number),))
        yield from (step for step in self._draws.left(actor) if self._random.random() < _LOOKS_BACK)
        for connection, client in sorted(self._reference.clients[actor].items()):
            if statuses:
                load = self._draws.load(client) if self._random.random() < _OTHER_LOOKS else None
                yield load or Step(actor, "status", (connection,))
            if self._is_worth_it(client.region):
                yield Step(actor, "edges", (connection,))
            if self._random.random() < _LOOKS_BEHIND and (step := self._draws.behind(client)):
                yield step

    def _is_worth_it(self, region: Region) -> bool:
        return region.pages < _LARGE or self._random.random() < 0.2

    def _host_looks(self, *, statuses: bool) -> Iterator[Step]:
        yield Step(HOST, "regions")
        for connection in sorted(self._reference.clients[HOST]):
            yield Step(HOST, "pulses", (connection,))
            if statuses:
                yield Step(HOST, "status", (connection,))
