# SPDX-License-Identifier: Apache-2.0
"""A QNX host over SSH: the driver, its guests and their consoles."""
