# SPDX-License-Identifier: Apache-2.0
"""A long history with a difference becomes a short one: what can be left out is left out (delta debugging)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from harness.replay.script import HOST, Script, Step, moments

Shows = Callable[[Script], bool]
"""Whether a script, carried out from the start, shows a difference."""


def shrink(script: Script, shows: Shows, seconds: float) -> tuple[Script, bool]:
    """The shortest script that was found in that time, and whether none of its steps can be left out."""
    until = time.monotonic() + seconds
    script = _without_guests(script, shows, until)
    units = [tuple(moment) for moment in moments(script.steps)]
    kept = _without_pieces(units, lambda some: shows(_of(script, some)), until)
    return _of(script, kept), time.monotonic() < until


def _of(script: Script, units: Sequence[Sequence[Step]]) -> Script:
    return script.with_steps(step for unit in units for step in unit)


def _without_pieces(
    units: list[tuple[Step, ...]], shows: Callable[[list[tuple[Step, ...]]], bool], until: float
) -> list[tuple[Step, ...]]:
    """Leave pieces out, long ones first, from the end, where most looks are that nobody needs."""
    size = max(1, len(units) // 2)
    while size:
        end = len(units)
        removed = False
        while end > 0 and time.monotonic() < until:
            first = max(0, end - size)
            fewer = units[:first] + units[end:]
            if fewer and shows(fewer):
                units, removed = fewer, True
            end = first
        if time.monotonic() >= until:
            break
        size = size // 2 if not removed or size > 1 else size
    return units


def _without_guests(script: Script, shows: Shows, until: float) -> Script:
    """Leave out guests with all that they do: what is left starts faster."""
    for guest in reversed(script.devices):
        if time.monotonic() >= until or len(script.devices) == 1:
            break
        devices = {actor: options for actor, options in script.devices.items() if actor != guest}
        steps = [step for step in script.steps if step.actor != guest]
        fewer = Script(script.bench, devices, tuple(steps))
        if any(step.actor != HOST for step in steps) and shows(fewer):
            script = fewer
    return script
