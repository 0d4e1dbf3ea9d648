# SPDX-License-Identifier: Apache-2.0
"""A target file as text: its values with the line of each."""
