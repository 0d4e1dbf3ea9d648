# SPDX-License-Identifier: Apache-2.0
"""Sets of names as finite automata: what rules permit, what substitutions make of it, and what several sets share."""
