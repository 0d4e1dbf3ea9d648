# SPDX-License-Identifier: Apache-2.0
"""What is drawn at random: systems, single steps, and turns that put steps together."""
