# SPDX-License-Identifier: Apache-2.0
"""The recorder in a pytest session: verdicts, what was compared, evidence of each test."""
