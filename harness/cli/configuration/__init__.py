# SPDX-License-Identifier: Apache-2.0
"""The commands that read qvm configurations and start nothing."""
