# SPDX-License-Identifier: Apache-2.0
"""The emulated host: an open qvm for stock QEMU with a register-exact vdev shmem.

Two programs, ``daemon`` and ``qvm``, and rooms, each of which imports only those below it: ``faults`` (deliberate
defects), ``service`` (the host and its control socket), ``machine`` (QEMU and one guest), ``device`` (vdev shmem),
``window`` (memory that appears and disappears), ``vfio_user`` (the transport).
"""
