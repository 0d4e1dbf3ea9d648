# SPDX-License-Identifier: Apache-2.0
"""The processor architectures of guests."""

from __future__ import annotations

from typing import Final, Literal, get_args

Arch = Literal["x86_64", "aarch64"]
"""An architecture of a guest, by the name that the kernel and QEMU use."""

ARCHES: Final[tuple[Arch, ...]] = get_args(Arch)
