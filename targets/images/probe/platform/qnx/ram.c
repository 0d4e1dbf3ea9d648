/* SPDX-License-Identifier: Apache-2.0 */
/* RAM as the system page has it (Building Embedded Systems, "System Page", section asinfo). */
#include <string.h>
#include <sys/syspage.h>
#include "qnx.h"

void ram_find(struct platform_facts *facts)
{
    const struct asinfo_entry *entry = SYSPAGE_ENTRY(asinfo);
    size_t count = SYSPAGE_ENTRY_SIZE(asinfo) / sizeof *entry;
    const char *names = SYSPAGE_ENTRY(strings)->data;

    for (; count && facts->ram_ranges < PLATFORM_RAM_RANGES; count--, entry++)
        if (strcmp(names + entry->name, "ram") == 0)
            facts->ram[facts->ram_ranges++] = (struct memory_range){entry->start, entry->end - entry->start + 1};
}
