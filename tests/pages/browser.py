# SPDX-License-Identifier: Apache-2.0
"""A real browser without a window, spoken to through two pipes in Chromium's own protocol.

It is the machine's own Chromium if there is one, else the distribution's package, unpacked in the cache as QEMU is. The
browser ends with the test; it gets a profile folder of its own, and nothing of the network is asked.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from harness.errors import HarnessError
from harness.provision import distribution
from harness.provision.apt import Request, packages
from harness.provision.cache import cached
from harness.provision.process import run
from harness.provision.qemu_program import own_architecture
from tests import programs

_INSTALLED: Final = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_PACKAGES: Final = ("chromium-headless-shell", "fonts-dejavu-core")
_SHELL: Final = "usr/lib/chromium/chromium-headless-shell"
# These come with the machine and have to fit its dynamic loader.
_OF_THE_MACHINE: Final = frozenset({"libc6", "libgcc-s1", "gcc-12-base"})
_OPTIONS: Final = (
    "--headless",
    "--no-sandbox",  # It shows our own pages alone, and root has no other choice.
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
_FONTS: Final = """\
<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{fonts}</dir><cachedir>{cache}</cachedir></fontconfig>
"""


class Tab:
    """One page of a running browser."""

    def __init__(self, to: int, back: int) -> None:
        self._to = to
        self._back = back
        self._left = b""
        self._number = 0
        self._session = ""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.ask("Page.enable")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its answer; events meanwhile are dropped."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        answer = self._until(lambda message: message.get("id") == self._number)
        assert "error" not in answer, answer
        found: dict[str, Any] = answer["result"]
        return found

    def open(self, page: Path, width: int, *, media: str = "screen") -> None:
        """Show a page of a folder in a window of this width, or as it is printed."""
        self.resized(width, 1000)
        self.ask("Emulation.setEmulatedMedia", media=media)
        self.go(page.as_uri())

    def resized(self, width: int, height: int) -> None:
        """Give the window another size."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def go(self, address: str) -> None:
        """Show a page, and wait until all of it is there."""
        self._number += 1
        message = {
            "id": self._number,
            "method": "Page.navigate",
            "params": {"url": address},
            "sessionId": self._session,
        }
        os.write(self._to, json.dumps(message).encode() + b"\0")
        self._until(lambda message: message.get("method") == "Page.loadEventFired")

    def evaluate(self, script: str) -> Any:
        """The value of an expression in the page."""
        found = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def click(self, link: str) -> None:
        """Click the first link that this selector finds, as the mouse does, and wait for what it leads to."""
        place = self.evaluate(
            f"(() => {{ const link = document.querySelector({json.dumps(link)}); link.scrollIntoView();"
            " const box = link.getClientRects()[0];"
            " return [box.x + box.width / 2, box.y + box.height / 2, link.href]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            x, y = place[:2]
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        programs.until(lambda: self._arrived(place[2]), f"{link} does not lead to {place[2]}")

    def _arrived(self, address: str) -> bool:
        found = self.evaluate("[location.href, document.readyState]")
        return bool(found == [address, "complete"])

    def printed(self, target: Path) -> Path:
        """Print the page on A4."""
        answer = self.ask("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, printBackground=True)
        target.write_bytes(base64.b64decode(answer["data"]))
        return target

    def pictured(self, target: Path) -> Path:
        """What the window shows, as a PNG file."""
        target.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot")["data"]))
        return target

    def _until(self, wanted: Any) -> dict[str, Any]:
        while True:
            while b"\0" not in self._left:
                more = os.read(self._back, 1 << 16)
                assert more, "the browser has ended"
                self._left += more
            line, _, self._left = self._left.partition(b"\0")
            message: dict[str, Any] = json.loads(line)
            if wanted(message):
                return message


@contextmanager
def started(folder: Path) -> Iterator[Tab]:
    """A browser with an empty page, while the context lasts. Skips the test where none can be had."""
    command, environment = _found(folder)
    to_read, to_write = os.pipe()
    back_read, back_write = os.pipe()
    redirected = ["bash", "-c", f'exec "$@" 3<&{to_read} 4>&{back_write}', "browser"]
    with (folder / "browser.log").open("wb") as log:
        program = programs.Program(
            [*redirected, *command, *_OPTIONS, f"--user-data-dir={folder / 'profile'}"],
            pass_fds=(to_read, back_write),
            env={**os.environ, "HOME": str(folder), **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    for end in (to_read, back_write):
        os.close(end)
    try:
        yield Tab(to_write, back_read)
    finally:
        program.end()
        for end in (to_write, back_read):
            os.close(end)


def _found(folder: Path) -> tuple[list[str], Mapping[str, str]]:
    """The start of a command line, and variables."""
    for name in _INSTALLED:
        if found := shutil.which(name):
            return [found], {}
    try:
        root = _unpacked(folder)
    except HarnessError as error:
        pytest.skip(f"no browser: none of {', '.join(_INSTALLED)} is installed, and none can be fetched: {error}")
    fonts = folder / "fonts.conf"
    fonts.write_text(_FONTS.format(fonts=root / "usr/share/fonts", cache=folder / "fonts"))
    libraries = dict.fromkeys(str(library.parent) for library in root.glob("**/*-linux-gnu*/**/*.so*"))
    return [str(root / _SHELL)], {"LD_LIBRARY_PATH": ":".join(libraries), "FONTCONFIG_FILE": str(fonts)}


def _unpacked(folder: Path) -> Path:
    """The packages of this machine's own release: the browser starts itself again, so it needs the machine's loader."""
    facts = distribution.platform_facts()
    family = distribution.family_of(facts)
    own = next(
        (
            target
            for target in distribution.configured_targets()
            if target.release == facts.get("VERSION_CODENAME") and target.component == "main"
        ),
        None,
    )
    if own is None:
        raise HarnessError("apt has no source of this machine's own release")
    sources = folder / "own.sources"
    signed = own.signed_by if own.signed_by.startswith("/") else family.keyring
    sources.write_text(
        f"Types: deb\nURIs: {own.site}\nSuites: {own.release}\nComponents: {family.components}\n"
        f"Targets: Packages\nSigned-By: {signed}\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(distribution.SOURCES_OVERRIDE, str(sources))
        request = Request(_PACKAGES, own_architecture())

        def unpack(into: Path) -> None:
            for package in packages(request):
                if package.name not in _OF_THE_MACHINE:
                    run(
                        ["dpkg-deb", "--extract", str(package.file), str(into)],
                        what=f"unpacking {package.name}",
                        timeout=programs.PATIENCE,
                    )

        return cached("browser", request.inputs, unpack, what="a browser for the tests of pages").path
