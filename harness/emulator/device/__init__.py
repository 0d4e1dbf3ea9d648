# SPDX-License-Identifier: Apache-2.0
"""``vdev shmem``: its registers, its rules, its regions and its PCI function."""
