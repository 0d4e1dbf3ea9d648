# SPDX-License-Identifier: Apache-2.0
"""Boards in a lab that others use too: a place is held while a command runs, and given back however that ends.

The engine is labgrid's (coordinator, exporter, client); nothing of it is ours.
"""
