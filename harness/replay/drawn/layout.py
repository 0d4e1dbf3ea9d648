# SPDX-License-Identifier: Apache-2.0
"""Configuration text in any layout: line ends, blanks and comments that mean nothing stand between the same words.

Source: QNX Hypervisor User's Guide, "VM configuration syntax".
"""

from __future__ import annotations

from random import Random
from typing import Final

_SPACES: Final = (" ", " ", " ", "  ", "\t", " \t ", "\n", "\n    ", "\n\t", "\n\n  ")
_COMMENTS: Final = ("", " ", "deny *", "allow *", "# create comment,4096", "vdev shmem", "subst ,comment-", '"', "name")
_COMMENTED: Final = 0.1
_PLAIN: Final = 0.3
"""How many texts keep their layout."""


def laid_out(text: str) -> str:
    """The words of the text in another layout, the same for an equal text. A text with quotes or comments is kept."""
    random = Random(text)
    if random.random() < _PLAIN or '"' in text or "#" in text:
        return text
    return "".join(f"{word}{_space(random)}" for word in text.split()).rstrip() + "\n"


def _space(random: Random) -> str:
    """What may stand between two words."""
    space = random.choice(_SPACES)
    if random.random() < _COMMENTED:
        return f"{random.choice(_SPACES)}#{random.choice(_COMMENTS)}\n{space}"
    return space
