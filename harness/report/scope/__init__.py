# SPDX-License-Identifier: Apache-2.0
"""What a run covers: what narrowed it, what changes it from outside, and where its code came from."""
