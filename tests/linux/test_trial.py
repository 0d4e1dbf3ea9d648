# SPDX-License-Identifier: Apache-2.0
"""``harness linux`` and ``harness boot-time``: guests outside of any bench."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.bench.trial import trial
from harness.errors import HarnessError
from harness.provision.linux.image import linux_image


def test_an_image_that_is_too_large_is_said_so_before_it_is_booted(tmp_path: Path) -> None:
    image = replace(linux_image("x86_64"), memory=1 << 30)
    with trial(tmp_path) as bench:
        with pytest.raises(HarnessError, match="needs 1024 MiB of RAM; the guest has 256"):
            bench.start(image, "guest0")
        with bench.host.client() as client:
            assert client.guests() == []
