# SPDX-License-Identifier: Apache-2.0
"""A network between the lab and a board that a test can cut."""

from __future__ import annotations

import contextlib
import socket
import threading


class Proxy:
    """Forwards a TCP port. ``cut_after`` bytes from the lab to the board, every connection breaks; once per setting."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._cut_after: int | None = None
        self._passed = 0
        self._silent = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_after(self, count: int) -> None:
        """Break when so many more bytes have gone to the board."""
        with self._lock:
            self._passed, self._cut_after = 0, count

    def fall_silent(self) -> None:
        """Keep every connection and carry nothing any more, as a switch does whose uplink is gone."""
        self._silent.set()

    def close(self) -> None:
        self._listener.close()
        self._break()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                lab, _ = self._listener.accept()
                board = socket.create_connection(("127.0.0.1", self._port))
                self._open |= {lab, board}
                for source, sink in ((lab, board), (board, lab)):
                    threading.Thread(target=self._carry, args=(source, sink, sink is board), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, upwards: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(16384):
                if self._silent.is_set():
                    continue
                if upwards and self._is_due(len(data)):
                    self._break()
                    return
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _is_due(self, count: int) -> bool:
        with self._lock:
            self._passed += count
            if self._cut_after is None or self._passed < self._cut_after:
                return False
            self._cut_after = None
            self.cuts += 1
            return True

    def _break(self) -> None:
        for end in self._open.copy():
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
