# SPDX-License-Identifier: Apache-2.0
"""Two runs side by side: which verdicts, readings and figures changed."""
