# SPDX-License-Identifier: Apache-2.0
"""A bench in use: its settings, its state, the text and the files of its guests, and the one way to start them."""
