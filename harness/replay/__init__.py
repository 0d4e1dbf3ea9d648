# SPDX-License-Identifier: Apache-2.0
"""Sequences of operations by several guests and the host, carried out for real and by a reference model."""
