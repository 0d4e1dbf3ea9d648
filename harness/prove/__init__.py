# SPDX-License-Identifier: Apache-2.0
"""Mutation testing of the suites: injected faults, and the requirement that detected each."""
