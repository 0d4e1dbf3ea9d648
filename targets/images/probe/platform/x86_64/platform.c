/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"
#include "ports.h"

/* What the boot loader passes (Xen public headers, arch-x86/hvm/start_info.h, version 1). */
struct start_info {
    uint32_t magic, version, flags, modules;
    uint64_t module_list, command_line, rsdp, memory_map;
    uint32_t memory_map_entries, reserved;
};

struct memory_map_entry {
    uint64_t address, size;
    uint32_t type, reserved;
};

enum { START_MAGIC = 0x336ec578, MEMORY_MAP_VERSION = 1, TYPE_RAM = 1, RAM_UNKNOWN = 128 << 20 };

enum {
    CONFIG_ADDRESS = 0xcf8,
    CONFIG_DATA = 0xcfc,
    CONFIG_ENABLE = 1u << 31,

    ICH9_DEVICE = 0x1f,
    ICH9_ID = 0x29188086,
    ICH9_POWER_BASE = 0x40,
    POWER_BASE_MASK = 0xff80,

    POWER_CONTROL = 4,
    POWER_SLEEP_5 = 0x2000,
    RESET_CONTROL = 0xcf9,
    RESET_HARD = 6,
    KEYBOARD_COMMAND = 0x64,
    KEYBOARD_RESET = 0xfe,
};

static struct platform_facts facts = {.architecture = "x86_64", .platform = "bare", .console = "16550 at io 0x3f8"};

const struct platform_facts *platform_facts(void)
{
    return &facts;
}

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

/* Q35: the pins of devices up to 24 rotate over the inputs 20 to 23 of the IO-APIC (ICH9 data sheet, PIRQE to H). */
unsigned pci_interrupt_line(const struct pci_function *function)
{
    enum { FIRST_INPUT = 20, LAST_DEVICE = 24 };

    if (!power_base() || function->bus != 0 || function->device > LAST_DEVICE || function->interrupt_pin == 0)
        return 0;
    return FIRST_INPUT + (function->device + function->interrupt_pin - 1u) % 4;
}

/* A PC has no device tree: people name the devices. */
size_t devices_listed(struct listed_device *list, size_t limit)
{
    (void)list;
    (void)limit;
    return 0;
}

bool pci_present(void)
{
    const struct pci_function host = {0};

    return pci_config_read(&host, 0, 4) != UINT32_MAX;
}

/* Between the configuration space and the IO-APIC of a PC; and the upper half of what the processor can address. */
const struct pci_windows *pci_windows(void)
{
    static struct pci_windows windows = {.low_base = 0xc0000000, .low_end = 0xfebfffff};

    windows.high_base = 1ull << (physical_bits() - 1);
    windows.high_end = 2 * windows.high_base - 1;
    return &windows;
}

uint16_t power_base(void)
{
    const struct pci_function bridge = {.device = ICH9_DEVICE};
    static uint16_t base;
    static bool known;

    if (!known && pci_config_read(&bridge, 0, 4) == ICH9_ID)
        base = pci_config_read(&bridge, ICH9_POWER_BASE, 4) & POWER_BASE_MASK;
    known = true;
    return base;
}

_Noreturn static void stop(void)
{
    for (;;)
        __asm__ volatile("cli\n hlt");
}

void power_off(void)
{
    console_flush();
    /* A chip set that we do not know: a hypervisor ends the guest on a reset, too. */
    if (!power_base())
        power_reset();
    port_out16(power_base() + POWER_CONTROL, POWER_SLEEP_5);
    stop();
}

void power_reset(void)
{
    console_flush();
    port_out8(RESET_CONTROL, RESET_HARD);
    port_out8(KEYBOARD_COMMAND, KEYBOARD_RESET);
    stop();
}

static void take_memory(const struct start_info *info)
{
    const struct memory_map_entry *entry = (const void *)info->memory_map;

    if (info->magic != START_MAGIC || info->version < MEMORY_MAP_VERSION || !info->memory_map_entries) {
        ram_add(&facts, 0, RAM_UNKNOWN);
        return;
    }
    for (uint32_t i = 0; i < info->memory_map_entries; i++, entry++)
        if (entry->type == TYPE_RAM)
            ram_add(&facts, entry->address, entry->size);
}

static uint64_t boot_mark(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

void platform_start(const struct start_info *info);

void platform_start(const struct start_info *info)
{
    interrupts_start();
    take_memory(info);
    mmu_start(&facts);
    clock_start();
    serial_start(apic_start());
    facts.build = build_id();
    facts.boot = boot_mark();
    interrupts_unmask();
    probe_main();
    power_off();
}
