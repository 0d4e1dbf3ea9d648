# SPDX-License-Identifier: Apache-2.0
"""A machine's shell, files and probe over SSH."""
