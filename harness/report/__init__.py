# SPDX-License-Identifier: Apache-2.0
"""Evidence: results.json and what is made from it."""
