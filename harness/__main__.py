# SPDX-License-Identifier: Apache-2.0
"""``python -m harness`` is the ``harness`` command."""

from __future__ import annotations

import sys

from harness.cli import main

sys.exit(main())
