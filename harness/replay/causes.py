# SPDX-License-Identifier: Apache-2.0
"""What a difference has to do with besides what it shows: whatever it needs in order to show.

A register that is wrong after somebody else has left is as much a matter of leaving as of registers. So a topic is a
cause when the history shows nothing without it: a step that could not be left out, the options of a kind, or the
placement of the devices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import repeat
from typing import Final

from harness.bench.settings import MmioLocation
from harness.replay.script import Script
from harness.replay.trial import LIVES

_OF_STEPS: Final = {
    **dict.fromkeys(("detach", "end", *LIVES), "members"),
    "notify": "signals",
    "listen": "interrupts",
    "configure": "placement",
    "pin": "placement",
    "ones": "placement",
    "flags": "permissions",
    "mark": "data",
    "write": "data",
    "stale": "data",
}
_OF_OPTIONS: Final = {
    "access": ("allow", "deny"),
    "creation": ("create",),
    "permissions": ("umask", "gid"),
}
_OF_PLACEMENT: Final = ("loc", "intr")


def of_steps(script: Script) -> frozenset[str]:
    """The topics of the steps of a script, none of which can be left out."""
    return frozenset(_OF_STEPS[step.verb] for step in script.steps if step.verb in _OF_STEPS)


def of_system(script: Script, locations: Sequence[MmioLocation], agrees: Callable[[Script], bool]) -> frozenset[str]:
    """The topics without which the system shows no difference.

    ``locations`` are the places for devices of a guest in memory. ``agrees`` says whether a script shows no difference.
    A difference that comes and goes, with time for example, has no such topics.
    """
    variants = _variants(script, locations)
    topics = frozenset(topic for topic, other in variants if other != script and agrees(other))
    return frozenset() if topics and agrees(script) else topics


def _variants(script: Script, locations: Sequence[MmioLocation]) -> Iterator[tuple[str, Script]]:
    """The same steps on systems that differ in one thing, with the topic that this is."""
    for topic, keys in _OF_OPTIONS.items():
        yield topic, _changed(script, keys)
    yield "placement", _changed(script, _OF_PLACEMENT)
    if all(len(several) <= len(locations) for several in script.devices.values()):
        yield "placement", _changed(script, _OF_PLACEMENT, locations)


def _changed(script: Script, dropped: Sequence[str], locations: Sequence[MmioLocation] = ()) -> Script:
    """The script with devices that lack these options, and are at these places in memory, if any."""
    places = [f"{location.options} " for location in locations] or repeat("")
    devices = {
        guest: tuple(
            f"{place}{_without(options, dropped)}".strip() for place, options in zip(places, several, strict=False)
        )
        for guest, several in script.devices.items()
    }
    return replace(script, devices=devices)


def _without(options: str, keys: Sequence[str]) -> str:
    """The options of a device without some; each has one word behind it, as they are drawn."""
    words = options.split()
    pairs = zip(words[::2], words[1::2], strict=True)
    return " ".join(f"{key} {value}" for key, value in pairs if key not in keys)
