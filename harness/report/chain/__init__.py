# SPDX-License-Identifier: Apache-2.0
"""The chain of evidence: what a run wrote, and whether it is still that."""
