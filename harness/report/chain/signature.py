# SPDX-License-Identifier: Apache-2.0
"""A signature over the manifest of a run, by what people have: an SSH key and ``ssh-keygen``."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

from harness.errors import BenchError, UsageError
from harness.report.chain.manifest import MANIFEST, SIGNATURE

NAMESPACE: Final = "shmem-harness"
"""A signature for another purpose is none for a run."""

UNKNOWN_SIGNER: Final = "an unknown key: name those that may sign with --allowed-signers"
"""Who signed, as long as nobody has said who may."""

_SECONDS: Final = 60


def sign(run: Path, key: Path) -> Path:
    """Sign the manifest of a run with a private key, or a public one whose private key an agent has.

    Returns the path of the signature. Raises BenchError.
    """
    # ssh-keygen asks before it overwrites.
    (run / SIGNATURE).unlink(missing_ok=True)
    done = _keygen(["sign", "-f", str(key), "-n", NAMESPACE, str(run / MANIFEST)])
    if done.returncode or not (run / SIGNATURE).is_file():
        raise BenchError(f"{run / MANIFEST} could not be signed: {_said(done)}")
    return run / SIGNATURE


def verify(run: Path, allowed: Path | None) -> tuple[str, str]:
    """Who signed the manifest of a run, and what is wrong; one of the two is empty.

    Without a file of allowed signers, only whether the signature is one of this manifest is known.
    """
    if not (run / SIGNATURE).is_file():
        return "", f"{SIGNATURE} is not there"
    signature, manifest = str(run / SIGNATURE), (run / MANIFEST).read_bytes()
    if allowed is None:
        done = _keygen(["check-novalidate", "-n", NAMESPACE, "-s", signature], manifest)
        return ("", f"{SIGNATURE}: {_said(done)}") if done.returncode else (UNKNOWN_SIGNER, "")
    if not allowed.is_file():
        raise UsageError(
            f"there is no file of allowed signers {allowed}", remedy="name one; docs/report.md shows what is in it"
        )
    found = _keygen(["find-principals", "-f", str(allowed), "-s", signature], manifest)
    names = found.stdout.decode(errors="replace").split()
    if found.returncode or not names:
        return "", f"{SIGNATURE}: not of an allowed signer ({_said(found)})"
    done = _keygen(["verify", "-f", str(allowed), "-I", names[0], "-n", NAMESPACE, "-s", signature], manifest)
    return ("", f"{SIGNATURE}: {_said(done)}") if done.returncode else (names[0], "")


def _keygen(words: list[str], given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["ssh-keygen", "-Y", *words], input=given, capture_output=True, timeout=_SECONDS, check=False
        )
    except FileNotFoundError:
        raise BenchError("there is no ssh-keygen program", remedy="install the OpenSSH client") from None
    except subprocess.TimeoutExpired:
        raise BenchError(f"ssh-keygen did not end within {_SECONDS} s") from None


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    words = (done.stderr + done.stdout).decode(errors="replace").split("\n")
    return next((line.strip() for line in words if line.strip()), f"ssh-keygen ended with status {done.returncode}")
