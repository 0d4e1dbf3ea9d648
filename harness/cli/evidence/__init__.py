# SPDX-License-Identifier: Apache-2.0
"""Commands about runs that have ended."""
