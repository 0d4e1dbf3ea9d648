# SPDX-License-Identifier: Apache-2.0
"""``vdev shmem``: its registers, its rules and its PCI function."""
