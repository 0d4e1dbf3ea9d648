# SPDX-License-Identifier: Apache-2.0
"""What lies in the folder of a system, is no VM of it by its name, and may be one by what stands in it."""

from harness.audit.passed_over.files import DEEPEST, MOST_FILES, passed_over

__all__ = ["DEEPEST", "MOST_FILES", "passed_over"]
