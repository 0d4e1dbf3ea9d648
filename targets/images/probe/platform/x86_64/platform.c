/* SPDX-License-Identifier: Apache-2.0 */
#include "acpi.h"
#include "machine.h"
#include "text.h"
#include "timers.h"

struct platform_facts facts = {.architecture = "x86_64", .platform = "bare", .console = "16550 at io 0x3f8"};

const struct platform_facts *platform_facts(void)
{
    return &facts;
}

void platform_start(uint32_t magic, uint32_t information);

void platform_start(uint32_t magic, uint32_t information)
{
    struct boot boot;

    interrupts_start();
    boot = boot_describe(magic, information, &facts);
    mmu_start(&facts);
    acpi_start(boot.acpi);
    serial_start(apic_start());
    if (boot.trouble)
        bare_say(boot.trouble);
    facts.build = build_id();
    facts.boot = counter();
    interrupts_unmask();
    probe_main();
    power_off();
}
