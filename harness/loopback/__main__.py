# SPDX-License-Identifier: Apache-2.0
"""``python -m harness.loopback FOLDER``: a loopback board in a folder of its own, until a signal ends it.

FOLDER/serial is the lab's end of its serial line, FOLDER/port the port of its SSH server, and ``FOLDER/switch on`` and
``FOLDER/switch off`` are its power switch. Its first state is off.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.errors import EXIT_PASS
from harness.loopback.command import CONTROL
from harness.loopback.control import Controls, install_switch
from harness.loopback.image import IMAGES
from harness.loopback.machine import Behaviour, Machine
from harness.loopback.processes import adopt_orphans
from harness.paths import must_be_plain
from harness.process.command import guarded
from harness.process.lifeline import watch_for_the_end


def main(argv: Sequence[str] | None = None) -> int:
    """Run a board until it receives a signal to end."""
    return guarded("loopback board", lambda: _main(argv))


def _main(argv: Sequence[str] | None) -> int:
    arguments = _arguments(argv)
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    adopt_orphans()
    asyncio.run(_run(arguments))
    return EXIT_PASS


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m harness.loopback", description=__doc__)
    parser.add_argument("folder", type=Path, help="a short path, because it holds sockets")
    parser.add_argument("--profile", default="7.0", help="release whose documented behaviour the device has")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=READING", help="override a profile field")
    parser.add_argument("--guest-lines", type=int, default=0, help="serial lines for consoles of guests")
    parser.add_argument("--image", choices=IMAGES, default="posix", help="what is on its disk")
    parser.add_argument("--lifeline", type=int, metavar="FD", help="end when this inherited descriptor closes")
    parser.add_argument("--remove", action="store_true", help="remove the folder at the end")
    return parser.parse_args(argv)


async def _run(arguments: argparse.Namespace) -> None:
    folder: Path = arguments.folder.absolute()
    must_be_plain(folder, "the folder of the board")
    folder.mkdir(parents=True, exist_ok=True)
    # It has keys and passwords, also when it was there before.
    folder.chmod(0o700)
    overrides = dict(item.split("=", 1) for item in arguments.set)
    behaviour = Behaviour(profile=arguments.profile, overrides=overrides, guest_lines=arguments.guest_lines)
    ending = asyncio.Event()
    watch_for_the_end(ending, arguments.lifeline)
    machine = Machine(folder, behaviour, arguments.image)
    try:
        machine.install()
        install_switch(folder)
        async with Controls(machine, folder / CONTROL):
            await ending.wait()
    finally:
        await machine.close()
        if arguments.remove:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
