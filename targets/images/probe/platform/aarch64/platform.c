/* SPDX-License-Identifier: Apache-2.0 */
#include "fdt.h"
#include "machine.h"
#include "mmio.h"
#include "system.h"

static struct platform_facts facts = {.architecture = "aarch64", .platform = "bare", .console = "pl011"};

const struct platform_facts *platform_facts(void)
{
    return &facts;
}

static uint64_t counter(void)
{
    __asm__ volatile("isb");
    return SYSTEM_READ(cntvct_el0);
}

/* What firmware or hypervisor has told the processor, if that can be true (Arm ARM, "The system counter"). */
uint64_t clock_rate_hz(void)
{
    enum { SLOWEST = 1000000, FASTEST = 2000000000 };
    uint64_t rate = SYSTEM_READ(cntfrq_el0);

    if (rate >= SLOWEST && rate <= FASTEST)
        return rate;
    facts.clock = "no clock: the register CNTFRQ_EL0 has no possible rate";
    return 0;
}

uint64_t clock_now_ns(void)
{
    const uint64_t second = 1000000000;
    uint64_t rate = clock_rate_hz(), ticks = counter();

    return ticks / rate * second + ticks % rate * second / rate;
}

/* Enhanced Configuration Access: 4 KiB for each function. */
static volatile uint8_t *config_at(const struct pci_function *function, unsigned offset)
{
    uint64_t place = (uint64_t)function->bus << 20 | (unsigned)function->device << 15 |
                     (unsigned)function->function << 12 | offset;

    return place < machine.ecam_size ? (volatile uint8_t *)machine.ecam + place : NULL;
}

uint32_t pci_config_read(const struct pci_function *function, unsigned offset, unsigned width)
{
    volatile uint8_t *at = config_at(function, offset);

    return at ? (uint32_t)mmio_read(at, width) : (uint32_t)((1ull << 8 * width) - 1);
}

void pci_config_write(const struct pci_function *function, unsigned offset, unsigned width, uint32_t value)
{
    volatile uint8_t *at = config_at(function, offset);

    if (at)
        mmio_write(at, width, value);
}

const struct pci_windows *pci_windows(void)
{
    return &machine.windows;
}

/* By the tree's map, else unknown. */
unsigned pci_interrupt_line(const struct pci_function *function)
{
    if (function->bus != 0 || function->interrupt_pin == 0)
        return 0;
    return machine.pci_lines[(function->device + function->interrupt_pin - 1) % 4];
}

bool pci_present(void)
{
    return machine.ecam_size;
}

/* Arm Power State Coordination Interface (DEN 0022). */
_Noreturn static void psci_call(uint32_t function)
{
    register uint64_t x0 __asm__("x0") = function;

    console_flush();
    if (machine.psci_smc)
        __asm__ volatile(".inst 0xd4000003 /* smc #0 */" : "+r"(x0) : : "memory");
    else
        __asm__ volatile("hvc #0" : "+r"(x0) : : "memory");
    for (;;)
        __asm__ volatile("wfi");
}

void power_off(void)
{
    psci_call(0x84000008);
}

void power_reset(void)
{
    psci_call(0x84000009);
}

void platform_start(const void *device_tree);

void platform_start(const void *device_tree)
{
    machine_describe(device_tree, &facts);
    facts.build = build_id();
    facts.boot = machine.boot_seed ^ counter();
    mmu_start(&facts);
    if (machine.device_tree)
        pagetable_set((uint64_t)machine.device_tree, fdt_size(machine.device_tree), MEMORY_KEEP);
    if (pci_present())
        pagetable_set(machine.ecam, machine.ecam_size, MEMORY_DEVICE);
    gic_start();
    uart_start();
    if (machine.assumed)
        bare_say("no device tree in x0, at the start of RAM or behind the image: taking the Foundation Model's addresses, "
                 "PL011 at 0x1c090000 (gic:37), GIC version 3 at 0x2f000000 and 0x2f100000, no PCI; its own image is all "
                 "the RAM that it knows of");
    processor_interrupts_start();
    probe_main();
    power_off();
}
