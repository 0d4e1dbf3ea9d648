# SPDX-License-Identifier: Apache-2.0
"""The context that is open while a configuration is read: the position of a word decides what belongs to it."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.shmem.config import grammar
from harness.shmem.config.errors import Position
from harness.shmem.config.model import Option
from harness.shmem.config.words import Word


@dataclass
class OpenContext:
    """A context while it is open: its head, the options that it knows and those read so far.

    ``kind`` is that of a vdev, or the word before ``pass``. ``indent`` is the column at which the head's line begins;
    ``inline``, ``flat`` and ``deeper`` say where options of the context stand: in that line, or in lines of their own.
    """

    word: str
    kind: str
    position: Position
    known: grammar.Options
    indent: int
    library: str = ""
    arguments: tuple[str, ...] = ()
    understood: bool = True
    options: list[Option] = field(default_factory=list)
    inline: bool = False
    flat: bool = False
    deeper: bool = False

    @property
    def title(self) -> str:
        """How a message calls it."""
        return f"{self.word} {self.kind}" if self.word == "vdev" else self.word

    @property
    def is_known(self) -> bool:
        """Whether its options are known."""
        return self.known is not grammar.UNKNOWN_OPTIONS

    def keep(self, option: Option, word: Word) -> None:
        """Add an option, and note where it stands."""
        self.options.append(option)
        if not word.first:
            self.inline = self.inline or len(self.options) == 1
        elif word.position.column > self.indent:
            self.deeper = True
        else:
            self.flat = True

    def is_left_by(self, word: Word, *, heads: bool) -> bool:
        """Whether the place of an unknown word shows that it is not an option of this context.

        ``heads``: the line below the word is indented deeper.
        """
        if not word.first or word.position.column > self.indent or self.flat:
            return False
        return self.deeper or self.inline or heads
