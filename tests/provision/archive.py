# SPDX-License-Identifier: Apache-2.0
"""A package archive made on the spot, and a web server on loopback that can stop in the middle of a file."""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
import threading
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO

from tests import programs

SUITE = "test"


class Archive:
    """A Debian archive with one suite, for amd64 and arm64. It is not signed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "pool").mkdir(parents=True)

    def add(self, name: str, *, depends: str = "", files: Mapping[str, bytes] | None = None) -> Path:
        """Build a package (architecture: all, version 1.0) with these files."""
        tree = self.folder.parent / f"{name}.tree"
        for path, content in (files or {f"usr/share/doc/{name}/README": name.encode()}).items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(content)
            (tree / path).chmod(0o755)
        (tree / "DEBIAN").mkdir(mode=0o755, parents=True)
        (tree / "DEBIAN/control").write_text(_control(name, depends))
        deb = self.folder / f"pool/{name}_1.0_all.deb"
        programs.run(
            ["dpkg-deb", "-Zgzip", "--root-owner-group", "--build", tree, deb], check=True, capture_output=True
        )
        shutil.rmtree(tree)
        return deb

    def publish(self) -> None:
        """Write the indexes for what was added."""
        index = "\n".join(_stanza(deb, self.folder) for deb in sorted(self.folder.glob("pool/*.deb"))).encode()
        suite = self.folder / "dists" / SUITE
        lines = []
        for architecture in ("amd64", "arm64"):
            for name, content in (("Packages", index), ("Packages.gz", gzip.compress(index, mtime=0))):
                path = f"main/binary-{architecture}/{name}"
                (suite / path).parent.mkdir(parents=True, exist_ok=True)
                (suite / path).write_bytes(content)
                lines.append(f" {hashlib.sha256(content).hexdigest()} {len(content)} {path}")
        (suite / "Release").write_text(
            f"Origin: test\nSuite: {SUITE}\nCodename: {SUITE}\nArchitectures: amd64 arm64\nComponents: main\n"
            "Date: Sat, 01 Jan 2022 00:00:00 UTC\nSHA256:\n" + "\n".join(lines) + "\n"
        )


def sources(address: str, **fields: str) -> str:
    """An entry for apt in deb822 format; a field like ``Signed_By`` is written with a hyphen."""
    entry = {"Types": "deb", "URIs": address, "Suites": SUITE, "Components": "main", **fields}
    return "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in entry.items())


class Server:
    """The archive on loopback. With ``stall_after`` it stops in the first file that has so many bytes, once."""

    def __init__(self, folder: Path) -> None:
        self.stall_after: int | None = None
        self.stalled = threading.Event()
        self.requests: list[str] = []
        self.ranges: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self, directory=str(folder)))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def address(self) -> str:
        """The URI of the archive."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """End it; nobody is served any more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(SimpleHTTPRequestHandler):
    """Serves files, continues where a client already is, stops when told to."""

    protocol_version = "HTTP/1.1"

    def __init__(self, archive: Server, *args: object, directory: str) -> None:
        self._archive = archive
        self._begin = 0
        super().__init__(*args, directory=directory)  # type: ignore[arg-type]

    def log_message(self, format: str, *args: object) -> None:
        self._archive.requests.append(format % args)

    def send_head(self) -> IO[bytes] | None:  # type: ignore[override]
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        path = Path(self.translate_path(self.path))
        if asked is None or not path.is_file():
            self._begin = 0
            return super().send_head()
        self._archive.ranges.append(asked[0])
        self._begin, size = int(asked[1]), path.stat().st_size
        self.send_response(HTTPStatus.PARTIAL_CONTENT)
        self.send_header("Content-Length", str(size - self._begin))
        self.send_header("Content-Range", f"bytes {self._begin}-{size - 1}/{size}")
        self.send_header("Last-Modified", self.date_time_string(int(path.stat().st_mtime)))
        self.end_headers()
        return path.open("rb")

    def copyfile(self, source: IO[bytes], outputfile: IO[bytes]) -> None:  # type: ignore[override]
        source.seek(self._begin)
        stop = self._archive.stall_after
        if stop is None or Path(source.name).stat().st_size < stop:
            shutil.copyfileobj(source, outputfile)
            return
        self._archive.stall_after = None
        outputfile.write(source.read(stop))
        outputfile.flush()
        self._archive.stalled.set()
        # The client has the rest of its life to close the connection.
        self.connection.recv(1)
        self.close_connection = True


def _control(name: str, depends: str) -> str:
    fields = {
        "Package": name,
        "Version": "1.0",
        "Architecture": "all",
        "Maintainer": "nobody <nobody@example.org>",
        "Depends": depends,
        "Description": "a package of a test",
    }
    return "".join(f"{key}: {value}\n" for key, value in fields.items() if value)


def _stanza(deb: Path, folder: Path) -> str:
    control = programs.run(["dpkg-deb", "--field", deb], check=True, capture_output=True, text=True).stdout
    digest = hashlib.sha256(deb.read_bytes()).hexdigest()
    return f"{control}Filename: {deb.relative_to(folder)}\nSize: {deb.stat().st_size}\nSHA256: {digest}\n"
