# SPDX-License-Identifier: Apache-2.0
"""Histories on a bench: drawn, carried out, compared, and made short where they show a difference."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final, Self

from harness.bench.settings import BenchConfig
from harness.errors import BenchError
from harness.host.protocol import ShmemHostProtocol
from harness.replay.causes import of_steps, of_system
from harness.replay.differences import Difference, DifferenceError
from harness.replay.drawn.systems import System, draw_system
from harness.replay.drawn.turns import Turns
from harness.replay.script import Script
from harness.replay.shrinking import shrink
from harness.replay.tally import Tally
from harness.replay.trial import LIVES, Trial
from harness.replay.world import World, asleep
from harness.report.judging.judgements import Finding

LENGTHS: Final = (500, 1000, 1500, 3000)
"""Steps of histories. Some are short: what depends on the configuration shows early, and each has another system."""

_SHORT_PATIENCE = 2.0
"""Seconds for an interrupt while a history is made shorter. What is left is carried out again, with all patience."""


@dataclass(frozen=True)
class Failure:
    """What did not hold: the difference, the shortest history that was found, and the seed of the long one.

    ``topics`` are what it is about: what the difference shows, and what it has to do with (``causes``).
    """

    difference: Difference
    script: Script
    seed: int
    topics: frozenset[str]


class Histories:
    """Histories of one bench in one placement. ``tally`` counts over all of them."""

    def __init__(self, config: BenchConfig, host: ShmemHostProtocol, placement: str, folder: Path) -> None:
        self._config = config
        self._host = host
        self._placement = placement
        self._folder = folder
        self.tally = Tally()

    def run(self, seed: int, steps: int, shrink_seconds: float) -> Failure | None:
        """Histories by ``seed`` and the numbers after it, until so many steps agree or one shows a difference."""
        end = self.tally.steps + steps
        while self.tally.steps < end:
            found = self._one(seed, end)
            if found:
                script, difference = found
                script, difference, topics = self._shrunk(script, difference, shrink_seconds)
                return Failure(difference, script, seed, topics)
            seed += 1
        return None

    def _one(self, seed: int, end: int) -> tuple[Script, Difference] | None:
        random = Random(seed)
        system = draw_system(random, self._config, self._placement)
        script = Script(self._config.name, system.devices, ())
        try:
            return self._history(random, system, script, end)
        except Finding as found:
            return script, Difference.of_finding("the start of the guests", found)

    def _history(self, random: Random, system: System, script: Script, end: int) -> tuple[Script, Difference] | None:
        with self._world(script) as world:
            trial = Trial(world, self.tally)
            turns = Turns(random, system, trial)
            began, least = time.monotonic(), min(end, self.tally.steps + random.choice(LENGTHS))
            try:
                while self.tally.steps < least:
                    turns.turn()
                trial.settle()
            except DifferenceError as found:
                return script.with_steps(trial.done), found.difference
            finally:
                self.tally.seconds += time.monotonic() - began
            world.check_means()
        return None

    def _shrunk(
        self, script: Script, difference: Difference, seconds: float
    ) -> tuple[Script, Difference, frozenset[str]]:
        """A shorter script, if fresh guests show its difference, too, and the topics that this is about."""
        topics = difference.others | {difference.topic}
        if not script.steps:
            return script, difference, topics | of_system(script, self._config.mmio, self._agrees)
        with Rehearsal(self._world, difference.topic) as rehearsal:
            short, is_shortest = shrink(script, rehearsal.shows, seconds)
        try:
            found = self.replay(short)
        except (BenchError, Finding):
            found = None
        if found is None:
            return script, difference, topics
        if is_shortest:
            topics |= of_steps(short)
        return short, found, topics | of_system(short, self._config.mmio, self._agrees)

    def _agrees(self, script: Script) -> bool:
        """Whether a script shows no difference at all. What cannot be carried out shows nothing."""
        try:
            return self.replay(script) is None
        except (BenchError, Finding):
            return False

    def replay(self, script: Script) -> Difference | None:
        """Carry a script out on guests that were started for it."""
        with self._world(script) as world:
            return Trial(world).run(script.steps)

    def _world(self, script: Script) -> World:
        return World(self._config, self._host, script.devices, self._folder, asleep(script))


class Rehearsal:
    """Tries scripts one after the other, on the same guests as long as they agree with the model.

    Only a difference about ``topic`` counts: a script that shows another one is no shorter form of what was found.
    """

    def __init__(self, make: Callable[[Script], World], topic: str) -> None:
        self._make = make
        self._topic = topic
        self._trial: Trial | None = None
        self._devices: object = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def shows(self, script: Script) -> bool:
        """Whether the script shows a difference about the same thing.

        One that shows it on guests of earlier scripts has to show it on fresh ones as well: what those have left in
        regions that creates have made may be a part of it.
        """
        used = self._trial is not None and self._devices == script.devices
        return self._carry_out(script) and (not used or self._carry_out(script))

    def _carry_out(self, script: Script) -> bool:
        changes_guests = any(step.verb in LIVES for step in script.steps)
        if self._devices != script.devices or changes_guests:
            self._forget()
        try:
            if self._trial is None:
                self._trial = Trial(self._stack.enter_context(self._make(script)), patience=_SHORT_PATIENCE)
                self._devices = script.devices
            found = self._trial.run(script.steps)
            if found or changes_guests or self._trial.leave():
                self._forget()
        except BenchError:
            self._forget()
            return False
        return found is not None and found.topic == self._topic

    def _forget(self) -> None:
        self._trial = None
        self._devices = None
        self._stack.close()
