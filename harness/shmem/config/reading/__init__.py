# SPDX-License-Identifier: Apache-2.0
"""From words to a configuration: the parser, and what it keeps while it reads."""
