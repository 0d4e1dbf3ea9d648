# SPDX-License-Identifier: Apache-2.0
"""The device as data: configuration text, rules, registers, status codes, profiles and the oracle."""
