/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU's own shared memory devices, which figures of vdev shmem are held against (docs/specs/ivshmem-spec of QEMU): memory
 * in BAR 2, and, where there is a doorbell, registers in BAR 0 and interrupts by MSI-X.
 */
#ifndef IVSHMEM_H
#define IVSHMEM_H

#include <stdbool.h>
#include <stdint.h>
#include "command.h"

/* The memory of the device that has no doorbell; false (and the call has failed) when there is none. */
bool ivshmem_memory(struct call *call, char **base, uint64_t *physical, uint64_t *length);

#endif
