# SPDX-License-Identifier: Apache-2.0
"""Figures: throughput, latency, statistics."""
