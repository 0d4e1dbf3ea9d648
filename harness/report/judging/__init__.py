# SPDX-License-Identifier: Apache-2.0
"""What a test judged: judgements counted while its body runs, and those that say nothing distinguished."""
