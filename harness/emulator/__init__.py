# SPDX-License-Identifier: Apache-2.0
"""The emulated host: an open qvm for stock QEMU with a register-exact vdev shmem."""
