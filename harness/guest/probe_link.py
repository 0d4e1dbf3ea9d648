# SPDX-License-Identifier: Apache-2.0
"""One request to the probe and its answer, over a console that may lose, double or mix bytes."""

from __future__ import annotations

import json
import secrets
import time
from typing import Any, Final, Protocol

from harness.errors import BenchError
from harness.guest.framing import Decoder, Frame, Kind, encode

# When the console has been silent for this many seconds a request goes out again, then after twice as many, ...
_FIRST_RESEND: Final = 0.1
# The longest pause; after so long a request goes out again also when the console is never silent.
_LAST_RESEND: Final = 4.0
# One piece of damage can show several times; one new try is enough for all of them.
_DAMAGE_PAUSE: Final = 0.05
_SEQUENCE_BITS: Final = 32

_MOST_SHOWN: Final = 100


class Transport(Protocol):
    """The console of a guest as bytes."""

    def write(self, data: bytes) -> None:
        """Send ``data``."""

    def read(self, deadline: float) -> bytes:
        """At least one byte. Raises TimeoutError when none has come until ``deadline`` (``time.monotonic()``)."""

    def last_lines(self, n: int = 20) -> str:
        """The last lines of the console, for an error message."""


class ProbeTimeoutError(BenchError):
    """The guest did not answer in time."""


class ProbeRestartedError(BenchError):
    """The guest restarted during a command; its attached regions are lost."""


class ProbeError(BenchError):
    """The guest answered that it could not do what it was asked.

    ``kind`` is ``usage``, ``state``, ``fault``, ``device`` or ``limit`` (docs/probe.md, "Errors"), ``what`` says it in
    words, ``where`` is the argument or, for a fault, the program counter; ``answer`` has all fields of the answer.
    """

    def __init__(self, guest: str, command: str, answer: dict[str, Any]) -> None:
        self.kind = str(answer["error"])
        self.what = str(answer.get("what", ""))
        self.where = str(answer.get("where", ""))
        self.answer = answer
        super().__init__(f"{guest}: {command!r}: {self.kind}: {self.what} ({self.where})")


class ProbeFaultError(ProbeError):
    """The guest's processor refused an instruction (abort, exception) of the command; the guest goes on."""

    @property
    def address(self) -> int:
        """The address that was accessed, or 0 where the kind of fault has none."""
        return int(self.answer["address"], 0)


class ProbeDeviceError(ProbeError):
    """The device said something that no device may say, so the guest could not go on with the command."""


_ERRORS: Final[dict[str, type[ProbeError]]] = {"fault": ProbeFaultError, "device": ProbeDeviceError}


class ProbeLink:
    """Sends requests and waits for their answers; one at a time, not thread-safe."""

    def __init__(self, transport: Transport, name: str = "guest") -> None:
        self.name = name
        self.transport = transport
        self._decoder = Decoder()
        # Chosen by chance, so that the guest does not take a request for the last one of an earlier client.
        self._sequence = secrets.randbits(_SEQUENCE_BITS)
        self._in_contact = False
        self.resent = 0
        """How many requests went out again because their answer was late, lost or damaged."""

    @property
    def damaged(self) -> int:
        """How many frames from the guest were damaged."""
        return self._decoder.damaged

    def request(self, command: str, timeout: float, busy: float = 0.0) -> dict[str, Any]:
        """The answer to ``command``, which is carried out once however often it has to be sent.

        A guest that is ``busy`` with it for so many seconds does not get it again before.

        Raises ProbeError when the guest reports an error, ProbeTimeoutError after ``timeout`` seconds,
        ProbeRestartedError when the guest restarts meanwhile, and what the transport raises.
        """
        self._sequence = (self._sequence + 1) % (1 << _SEQUENCE_BITS)
        wire = encode(Frame(Kind.REQUEST, self._sequence, command))
        answer = _Exchange(self, command, wire, timeout, busy).run()
        if "error" not in answer:
            return answer
        raise _ERRORS.get(str(answer["error"]), ProbeError)(self.name, command, answer)

    def wait_restart(self, timeout: float) -> None:
        """Wait for the probe's greeting after a start. Raises ProbeTimeoutError."""
        end = time.monotonic() + timeout
        while True:
            try:
                frames = self._decoder.feed(self.transport.read(end))
            except TimeoutError:
                raise self.timeout_error("no restart was seen", timeout) from None
            if any(frame.kind is Kind.HELLO for frame in frames):
                return

    def timeout_error(self, what: str, timeout: float) -> ProbeTimeoutError:
        """The error that ends a wait."""
        damaged = f"; {self.damaged} damaged frames" if self.damaged else ""
        lines = self.transport.last_lines()
        return ProbeTimeoutError(
            f"{self.name}: {what} within {timeout:.1f} s{damaged}; the last lines of its console:\n{lines}",
            remedy="see the console log of the guest; a guest that never answered may not have booted",
        )


class _Exchange:
    """A request that waits for its answer."""

    def __init__(self, link: ProbeLink, command: str, wire: bytes, timeout: float, busy: float) -> None:
        self._link = link
        self._command = command
        self._wire = wire
        self._timeout = timeout
        self._end = time.monotonic() + timeout
        self._pause = max(_FIRST_RESEND, min(busy, _LAST_RESEND))
        self._sent = self._heard = 0.0
        self._deaf_until = 0.0

    def run(self) -> dict[str, Any]:
        self._send()
        while True:
            for frame in self._frames():
                answer = self._take(frame)
                if answer is not None:
                    self._link._in_contact = True
                    return answer

    def _frames(self) -> list[Frame]:
        """What has come; nothing when it was time to send the request again."""
        link = self._link
        # Not only in a silence: a console that always says something must not keep us here.
        if time.monotonic() >= self._end:
            raise link.timeout_error(f"no answer to {_in_short(self._command)!r}", self._timeout)
        resend = min(self._heard + self._pause, self._sent + _LAST_RESEND)
        try:
            data = link.transport.read(min(self._end, resend))
        except TimeoutError:
            if time.monotonic() < self._end:
                self._pause = min(2 * self._pause, _LAST_RESEND)
                self._resend()
            return []
        self._heard = time.monotonic()
        damaged = link.damaged
        frames = link._decoder.feed(data)
        if link.damaged > damaged:
            self._damage_seen()
        return frames

    def _take(self, frame: Frame) -> dict[str, Any] | None:
        link = self._link
        if frame.kind is Kind.ANSWER and frame.sequence == link._sequence:
            return _parsed(frame.payload)
        if frame.kind is Kind.HELLO:
            if link._in_contact:
                link._in_contact = False
                raise ProbeRestartedError(f"{link.name}: the guest restarted during {self._command!r}")
            self._resend()
        elif frame.kind is Kind.REFUSAL:
            self._damage_seen()
        return None

    def _damage_seen(self) -> None:
        """The request or its answer may have been hit: do not wait for the silence."""
        if time.monotonic() >= self._deaf_until:
            self._deaf_until = time.monotonic() + _DAMAGE_PAUSE
            self._resend()

    def _resend(self) -> None:
        self._link.resent += 1
        self._send()

    def _send(self) -> None:
        # The leading line end terminates a partial line that the guest may have received.
        self._link.transport.write(b"\n" + self._wire)
        self._sent = self._heard = time.monotonic()


def _parsed(payload: str) -> dict[str, Any] | None:
    """The answer, or None when the payload is no JSON object: then the checksum was right by chance."""
    try:
        answer = json.loads(payload)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _in_short(command: str) -> str:
    """A command for a message: some have hundreds of names."""
    return command if len(command) <= _MOST_SHOWN else f"{command[:_MOST_SHOWN]}..."
