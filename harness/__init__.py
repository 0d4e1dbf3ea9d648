# SPDX-License-Identifier: Apache-2.0
"""Hardware-in-the-loop tests of ``vdev shmem``, the inter-guest shared memory device of the QNX Hypervisor."""
