# SPDX-License-Identifier: Apache-2.0
"""Configuration text in any layout: line ends, blanks and comments that mean nothing stand between the same words, and
arguments may be quoted.

Source: QNX Hypervisor User's Guide, "VM configuration syntax".
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Final

_SPACES: Final = (" ", " ", " ", "  ", "\t", " \t ", "\n", "\n    ", "\n\t", "\n\n  ")
_COMMENTS: Final = ("", " ", "deny *", "allow *", "# create comment,4096", "vdev shmem", "subst ,comment-", '"', "name")
_COMMENTED: Final = 0.1
_PLAIN: Final = 0.3
"""How many texts keep their layout."""
_QUOTED: Final = 0.1
_OPTIONS: Final = frozenset(
    {"vdev", "allow", "deny", "subst", "create", "loc", "intr", "umask", "gid", "sched", "name"}
)
"""Options whose argument is the word behind them, whatever that is."""
_NEVER_QUOTED: Final = frozenset("*?[]\\$")
"""No document says whether a quoted word is a pattern."""


def laid_out(text: str) -> str:
    """The words of the text in another layout, the same for an equal text. A text with quotes or comments is kept."""
    random = Random(text)
    if random.random() < _PLAIN or '"' in text or "#" in text:
        return text
    return "".join(f"{word}{_space(random)}" for word in _words(random, text)).rstrip() + "\n"


def _words(random: Random, text: str) -> Iterator[str]:
    """The words of the text; some arguments of options are quoted."""
    words = iter(text.split())
    for word in words:
        yield word
        if word in _OPTIONS and (argument := next(words, None)) is not None:
            quoted = word != "vdev" and random.random() < _QUOTED and _NEVER_QUOTED.isdisjoint(argument)
            yield f'"{argument}"' if quoted else argument


def _space(random: Random) -> str:
    """What may stand between two words."""
    space = random.choice(_SPACES)
    if random.random() < _COMMENTED:
        return f"{random.choice(_SPACES)}#{random.choice(_COMMENTS)}\n{space}"
    return space
