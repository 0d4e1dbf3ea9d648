/* SPDX-License-Identifier: Apache-2.0 */
/* Translation at EL1: 4 KiB granule, 48 bits, one table for the low half (Arm ARM, chapter D8). */
#include "machine.h"
#include "system.h"

enum { ATTRIBUTE_DEVICE = 0, ATTRIBUTE_NORMAL = 1 };

enum {
    ENTRY_VALID = 1 << 0,
    ENTRY_TABLE_OR_PAGE = 1 << 1,
    ENTRY_ATTRIBUTE_SHIFT = 2,
    ENTRY_INNER_SHAREABLE = 3 << 8,
    ENTRY_ACCESSED = 1 << 10,
};

#define ENTRY_NO_EXECUTE (3ull << 53)
#define ATTRIBUTES 0xff00ull      /* 0: Device-nGnRnE, 1: Normal, write-back, allocate */

uint64_t entry_leaf(uint64_t physical, enum memory_kind kind, unsigned level)
{
    uint64_t entry = physical | ENTRY_VALID | ENTRY_ACCESSED | (level == 3 ? ENTRY_TABLE_OR_PAGE : 0);

    if (kind == MEMORY_NORMAL)
        return entry | ATTRIBUTE_NORMAL << ENTRY_ATTRIBUTE_SHIFT | ENTRY_INNER_SHAREABLE;
    return entry | ATTRIBUTE_DEVICE << ENTRY_ATTRIBUTE_SHIFT | ENTRY_NO_EXECUTE;
}

uint64_t entry_table(uint64_t physical)
{
    return physical | ENTRY_VALID | ENTRY_TABLE_OR_PAGE;
}

bool entry_is_table(uint64_t entry, unsigned level)
{
    return level < 3 && entry & ENTRY_TABLE_OR_PAGE;
}

uint64_t entry_split(uint64_t entry, unsigned index)
{
    return (entry | ENTRY_TABLE_OR_PAGE) + ((uint64_t)index << 12);
}

void translation_flush(void)
{
    __asm__ volatile("dsb ish\n tlbi vmalle1is\n dsb ish\n isb" ::: "memory");
}

void mmu_start(const struct platform_facts *facts)
{
    enum { BITS_48 = 16, WRITE_BACK = 1, INNER = 3, OWN_TABLE_ONLY = 1 << 23 };
    enum { MMU = 1 << 0, DATA_CACHE = 1 << 2, INSTRUCTION_CACHE = 1 << 12 };
    static const uint8_t sizes[] = {32, 36, 40, 42, 44, 48};
    uint64_t range = SYSTEM_READ(id_aa64mmfr0_el1) & 15;

    if (range >= sizeof sizes)
        range = sizeof sizes - 1;
    pagetable_limit(sizes[range]);
    for (size_t i = 0; i < facts->ram_ranges; i++)
        pagetable_set(facts->ram[i].base, facts->ram[i].size, MEMORY_NORMAL);
    pagetable_clear((uint64_t)stack_guard, 4096);
    SYSTEM_WRITE(mair_el1, ATTRIBUTES);
    SYSTEM_WRITE(tcr_el1, BITS_48 | WRITE_BACK << 8 | WRITE_BACK << 10 | INNER << 12 | OWN_TABLE_ONLY | range << 32);
    SYSTEM_WRITE(ttbr0_el1, pagetable_root());
    translation_flush();
    SYSTEM_WRITE(sctlr_el1, SYSTEM_READ(sctlr_el1) | MMU | DATA_CACHE | INSTRUCTION_CACHE);
    __asm__ volatile("isb" ::: "memory");
}
