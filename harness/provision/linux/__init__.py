# SPDX-License-Identifier: Apache-2.0
"""The Linux guest: kernel, root file system, recipes and modules."""
