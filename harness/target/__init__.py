# SPDX-License-Identifier: Apache-2.0
"""Target files: labgrid environment files that describe boards, and their checks."""
