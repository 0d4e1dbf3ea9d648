# SPDX-License-Identifier: Apache-2.0
"""What a run and the nights before it say of figures: thresholds, history, changes."""
