# SPDX-License-Identifier: Apache-2.0
"""A word that qvm does not know, anywhere in a configuration of any layout: its message names the line.

Quotes, comments and line ends are where an editor, a generator or a merge may have put them.
"""

from __future__ import annotations

from random import Random
from typing import Final

import pytest

from fixtures.attempts import Try

pytestmark = [pytest.mark.only(guest_image=["probe"]), pytest.mark.one_placement, pytest.mark.drawn]

ROUNDS: Final = 8
_OPTIONS: Final = {"allow": "name{}*", "deny": "other{}", "subst": "from{0},to{0}-", "create": "name{},4096"}
_BETWEEN: Final = (
    " ", "  ", "\t", "\n", "\n    ", "\n\n", "\n# a comment\n", " # allow \"comment\n    ", "\n\t# it's # one\n\n  ",
)  # fmt: skip
_UNKNOWN: Final = ("allov", "alow", "allow1", "denyy", "creates", "substitute", "-allow", "allow:", "allow,deny")


def _options(random: Random) -> list[str]:
    """Some options of a device, each with its argument."""
    options = []
    for number in range(random.randint(2, 9)):
        option, argument = random.choice(list(_OPTIONS.items()))
        options.append(option + random.choice((" ", "  ", "\n", "\n  ")) + _quoted(random, argument.format(number)))
    return options


def _quoted(random: Random, word: str) -> str:
    """The word as it is, in quotes, or in quotes and over several lines."""
    kind = random.randrange(4)
    if kind < 2:
        return word
    if kind == 2:
        return f'"{word}"'
    at = random.randrange(len(word))
    return f'"{word[:at]}\\\n{word[at:]}"'


@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.requirement("QVM-CFG-03")
def test_the_line_of_an_unknown_word(attempt: Try, number: int) -> None:
    """Exit status 65, and no other line is named."""
    random = Random(f"unknown {number}")
    options, unknown = _options(random), random.choice(_UNKNOWN)
    options.insert(random.randint(1, len(options)), unknown)
    text = "vdev shmem {location}" + "".join(f"{random.choice(_BETWEEN)}{option}" for option in options)
    tried = attempt(f"{text}\n")
    assert tried.status == 65, f"accepted:\n{tried.text}"
    before, _, _ = tried.tried.rpartition(unknown)
    line = tried.own_lines[before.count("\n")]
    assert tried.blamed == {line}, f"'{unknown}' is in line {line}:\n{tried.messages}\n{tried.text}"
