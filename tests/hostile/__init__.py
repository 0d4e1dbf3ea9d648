# SPDX-License-Identifier: Apache-2.0
"""Whoever means harm: other users of the machine, rubbish on every channel, hostile guests, parts that die."""
