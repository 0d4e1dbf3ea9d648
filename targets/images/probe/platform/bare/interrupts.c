/* SPDX-License-Identifier: Apache-2.0 */
/* Who wants which interrupt; several may share a line. */
#include "bare.h"
#include "mmio.h"

enum {
    PCI_STATUS = 0x06,
    PCI_STATUS_CAPABILITIES = 1 << 4,
    PCI_CAPABILITIES = 0x34,
    CAPABILITY_MSI = 0x05,
    MSI_CONTROL = 2,
    MSI_CONTROL_ENABLE = 1 << 0,
    MSI_CONTROL_MULTIPLE = 7 << 4,
    MSI_CONTROL_WIDE = 1 << 7,
    MSI_ADDRESS = 4,
    CAPABILITY_MSIX = 0x11,
    MSIX_CONTROL = 2,
    MSIX_CONTROL_ENABLE = 1 << 15,
    MSIX_CONTROL_MASKED = 1 << 14,
    MSIX_TABLE = 4,
    MSIX_TABLE_BAR = 7,
    MSIX_ENTRY = 16,
    MSIX_ENTRY_DATA = 8,
    MSIX_ENTRY_CONTROL = 12,
};

static struct opened {
    bool used;
    struct interrupt interrupt;
    interrupt_handler *handler;
    void *context;
} opened[INTERRUPTS_MAX];

/* The place of a capability in configuration space; 0 when there is none. */
static unsigned capability(const struct pci_function *function, unsigned wanted)
{
    unsigned at;

    if (!(pci_config_read(function, PCI_STATUS, 2) & PCI_STATUS_CAPABILITIES))
        return 0;
    at = pci_config_read(function, PCI_CAPABILITIES, 1) & 0xfc;
    for (unsigned hops = 0; at && hops < 48; hops++, at = pci_config_read(function, at + 1, 1) & 0xfc)
        if (pci_config_read(function, at, 1) == wanted)
            return at;
    return 0;
}

static void msi_enable(const struct pci_function *function, unsigned at, uint64_t address, uint32_t data)
{
    uint32_t control =
        pci_config_read(function, at + MSI_CONTROL, 2) & ~(uint32_t)(MSI_CONTROL_ENABLE | MSI_CONTROL_MULTIPLE);

    pci_config_write(function, at + MSI_CONTROL, 2, control);
    pci_config_write(function, at + MSI_ADDRESS, 4, (uint32_t)address);
    if (control & MSI_CONTROL_WIDE)
        pci_config_write(function, at + MSI_ADDRESS + 4, 4, (uint32_t)(address >> 32));
    pci_config_write(function, at + MSI_ADDRESS + (control & MSI_CONTROL_WIDE ? 8 : 4), 2, data);
    pci_config_write(function, at + MSI_CONTROL, 2, control | MSI_CONTROL_ENABLE);
}

/* The first entry of the table, which is in a BAR, is all that is used. */
static bool msix_enable(const struct pci_function *function, unsigned at, uint64_t address, uint32_t data)
{
    uint32_t place = pci_config_read(function, at + MSIX_TABLE, 4), bar = place & MSIX_TABLE_BAR;
    uint32_t control = pci_config_read(function, at + MSIX_CONTROL, 2) & ~(uint32_t)MSIX_CONTROL_MASKED;
    volatile uint8_t *entry;

    if (bar >= PCI_BARS || !function->bar[bar].base)
        return false;
    entry = memory_map(function->bar[bar].base + place - bar, MSIX_ENTRY, MEMORY_DEVICE);
    if (!entry)
        return false;
    pci_config_write(function, at + MSIX_CONTROL, 2, control | MSIX_CONTROL_ENABLE);
    mmio_write(entry, 4, (uint32_t)address);
    mmio_write(entry + 4, 4, (uint32_t)(address >> 32));
    mmio_write(entry + MSIX_ENTRY_DATA, 4, data);
    mmio_write(entry + MSIX_ENTRY_CONTROL, 4, 0);
    return true;
}

static bool message_enable(const struct pci_function *function, unsigned number)
{
    unsigned msi = capability(function, CAPABILITY_MSI), msix = capability(function, CAPABILITY_MSIX);
    uint64_t address;
    uint32_t data;

    if ((!msi && !msix) || !message_target(number, &address, &data))
        return false;
    if (!msi)
        return msix_enable(function, msix, address, data);
    msi_enable(function, msi, address, data);
    return true;
}

static void message_disable(const struct pci_function *function)
{
    unsigned msi = capability(function, CAPABILITY_MSI), msix = capability(function, CAPABILITY_MSIX);
    unsigned at = msi ? msi + MSI_CONTROL : msix + MSIX_CONTROL;
    uint32_t enable = msi ? MSI_CONTROL_ENABLE : MSIX_CONTROL_ENABLE;

    pci_config_write(function, at, 2, pci_config_read(function, at, 2) & ~enable);
}

static bool same_line(const struct interrupt *a, const struct interrupt *b)
{
    return !a->message && !b->message && a->line == b->line;
}

static bool enable(unsigned slot)
{
    const struct interrupt *interrupt = &opened[slot].interrupt;

    if (interrupt->message)
        return message_enable(interrupt->function, slot);
    return line_enable(interrupt->line, interrupt->edge);
}

bool interrupt_open(const struct interrupt *interrupt, interrupt_handler *handler, void *context)
{
    unsigned slot = 0;

    while (slot < INTERRUPTS_MAX && opened[slot].used)
        slot++;
    if (slot == INTERRUPTS_MAX)
        return false;
    interrupts_mask();
    opened[slot] = (struct opened){true, *interrupt, handler, context};
    opened[slot].used = enable(slot);
    interrupts_unmask();
    return opened[slot].used;
}

static void close_one(struct opened *closed)
{
    bool shared = false;

    closed->used = false;
    if (closed->interrupt.message) {
        message_disable(closed->interrupt.function);
        return;
    }
    for (unsigned i = 0; i < INTERRUPTS_MAX; i++)
        shared |= opened[i].used && same_line(&opened[i].interrupt, &closed->interrupt);
    if (!shared)
        line_disable(closed->interrupt.line);
}

void interrupt_close(void *context)
{
    interrupts_mask();
    for (unsigned i = 0; i < INTERRUPTS_MAX; i++)
        if (opened[i].used && opened[i].context == context)
            close_one(&opened[i]);
    interrupts_unmask();
}

void interrupt_again(void *context)
{
    interrupts_mask();
    for (unsigned i = 0; i < INTERRUPTS_MAX; i++)
        if (opened[i].used && opened[i].context == context && !opened[i].interrupt.message)
            enable(i);
    interrupts_unmask();
}

void interrupt_dispatch_line(unsigned line)
{
    bool again = true;

    for (unsigned i = 0; i < INTERRUPTS_MAX; i++)
        if (opened[i].used && !opened[i].interrupt.message && opened[i].interrupt.line == line)
            again &= opened[i].handler(opened[i].context);
    if (!again)
        line_disable(line);
}

void interrupt_dispatch_number(unsigned number)
{
    if (opened[number].used && opened[number].interrupt.message)
        opened[number].handler(opened[number].context);
}

void interrupt_wait(const volatile uint64_t *counter, uint64_t seen, uint64_t until)
{
    while (*counter == seen && clock_now_ns() < until) {
        interrupts_mask();
        if (*counter == seen)
            processor_sleep(until);
        else
            interrupts_unmask();
    }
}
