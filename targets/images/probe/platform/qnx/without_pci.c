/* SPDX-License-Identifier: Apache-2.0 */
/* Instead of pci.c for guests without a PCI server: the program then needs no library but the C library. */
#include <stddef.h>
#include "qnx.h"

size_t pci_find(uint16_t vendor_id, uint16_t device_id, struct pci_function *list, size_t limit)
{
    (void)vendor_id, (void)device_id, (void)list, (void)limit;
    return 0;
}

unsigned pci_interrupt_line(const struct pci_function *function)
{
    (void)function;
    return 0;
}

uint32_t pci_config_read(const struct pci_function *function, unsigned offset, unsigned width)
{
    (void)function, (void)offset;
    return UINT32_MAX >> (32 - 8 * width);
}

void pci_config_write(const struct pci_function *function, unsigned offset, unsigned width, uint32_t value)
{
    (void)function, (void)offset, (void)width, (void)value;
}
