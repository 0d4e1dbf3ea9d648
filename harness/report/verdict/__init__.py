# SPDX-License-Identifier: Apache-2.0
"""Whether a run in which nothing failed is a qualification: its scope, its sources, and what it lacks."""
