# SPDX-License-Identifier: Apache-2.0
"""The proof that the suites notice: defects put in on purpose, and the requirement that caught each."""
