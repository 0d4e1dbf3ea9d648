# SPDX-License-Identifier: Apache-2.0
"""A hypervisor host, as labgrid drivers behind one protocol."""
