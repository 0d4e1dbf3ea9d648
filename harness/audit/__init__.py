# SPDX-License-Identifier: Apache-2.0
"""The audit of a system: which virtual machines can meet in which regions, for every name that is possible.

It has its own reading of rules, patterns and substitutions, as finite automata over the bytes of a name. It imports
neither the oracle nor the emulator; tests compare the three.
"""
