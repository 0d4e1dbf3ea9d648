/* SPDX-License-Identifier: Apache-2.0 */
/* PCI by configuration mechanism 1 (PCI Local Bus Specification 3.0, section 3.2.2.3.2). */
#include "machine.h"
#include "ports.h"

enum { CONFIG_ADDRESS = 0xcf8, CONFIG_DATA = 0xcfc, CONFIG_ENABLE = 1u << 31 };

static uint16_t config_select(const struct pci_function *function, unsigned offset)
{
    port_out32(CONFIG_ADDRESS, CONFIG_ENABLE | (uint32_t)function->bus << 16 | (uint32_t)function->device << 11 |
                                   (uint32_t)function->function << 8 | (offset & 0xfc));
    return CONFIG_DATA + (offset & 3);
}

uint32_t pci_config_read(const struct pci_function *function, unsigned offset, unsigned width)
{
    uint16_t port = config_select(function, offset);

    return width == 1 ? port_in8(port) : width == 2 ? port_in16(port) : port_in32(port);
}

void pci_config_write(const struct pci_function *function, unsigned offset, unsigned width, uint32_t value)
{
    uint16_t port = config_select(function, offset);

    if (width == 1)
        port_out8(port, (uint8_t)value);
    else if (width == 2)
        port_out16(port, (uint16_t)value);
    else
        port_out32(port, value);
}

/* Whether the mechanism is there. Which functions are, a bus of its own need not have the usual bridge among them. */
bool pci_present(void)
{
    port_out32(CONFIG_ADDRESS, CONFIG_ENABLE);
    return port_in32(CONFIG_ADDRESS) == CONFIG_ENABLE;
}

/* What firmware or hypervisor has written into the register, if it is an input of the IO-APIC. No chip set is asked. */
unsigned pci_interrupt_line(const struct pci_function *function)
{
    return function->interrupt_line < apic_pins() ? function->interrupt_line : 0;
}

/* A PC has no device tree: people name the devices. */
size_t devices_listed(struct listed_device *list, size_t limit)
{
    (void)list;
    (void)limit;
    return 0;
}

/* Between RAM and the IO-APIC of a PC; and the upper half of what the processor can address. */
const struct pci_windows *pci_windows(void)
{
    static struct pci_windows windows = {.low_base = 0xc0000000, .low_end = 0xfebfffff};

    for (size_t i = 0; i < facts.ram_ranges; i++) {
        uint64_t end = facts.ram[i].base + facts.ram[i].size;

        if (facts.ram[i].base < windows.low_end && end > windows.low_base)
            windows.low_base = end;
    }
    windows.high_base = 1ull << (physical_bits() - 1);
    windows.high_end = 2 * windows.high_base - 1;
    return &windows;
}
