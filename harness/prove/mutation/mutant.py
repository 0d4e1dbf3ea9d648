# SPDX-License-Identifier: Apache-2.0
"""A mutant: one mechanical change of a source of the emulated device."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from harness import shipped


@dataclass(frozen=True)
class Mutant:
    """One change. ``first`` and ``last`` are the lines of the statement, ``line`` is where the change itself begins.

    ``function`` is empty outside of all functions. ``before`` are the lines that change, ``after`` what is there then,
    both without indentation. ``file`` is relative to the folder of the package. ``source`` is its whole new text.
    """

    name: str
    file: str
    function: str
    line: int
    first: int
    last: int
    before: str
    after: str
    source: str

    @property
    def module(self) -> str:
        """The module that the mutant replaces."""
        return f"{shipped.PACKAGE.name}.{self.file.removesuffix('.py').removesuffix('/__init__').replace('/', '.')}"

    @property
    def diff(self) -> str:
        """The change in lines that begin with a minus or a plus."""
        old = [f"- {line}" for line in self.before.splitlines()]
        return "\n".join([*old, *(f"+ {line}" for line in self.after.splitlines())])


def drawn(every: Sequence[Mutant], number: int, seed: int) -> list[Mutant]:
    """Draw so many at random and in a random order, so that what is known of a run that was ended is a sample, too."""
    return random.Random(seed).sample(every, min(number, len(every)))
