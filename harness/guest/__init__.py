# SPDX-License-Identifier: Apache-2.0
"""A running guest: its console and the client of its probe."""
