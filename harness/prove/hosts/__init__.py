# SPDX-License-Identifier: Apache-2.0
"""Programs that a proof runs in the place of the emulated host's own: with a mutant, or with a record of its lines."""
