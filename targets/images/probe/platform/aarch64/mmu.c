/* SPDX-License-Identifier: Apache-2.0 */
/* Translation at EL1: 4 KiB granule, 48 bits, one table for the low half (Arm ARM, chapter D8). */
#include "machine.h"
#include "system.h"

enum { ATTRIBUTE_DEVICE = 0, ATTRIBUTE_NORMAL = 1, ATTRIBUTE_UNCACHED = 2 };

enum {
    ENTRY_VALID = 1 << 0,
    ENTRY_TABLE_OR_PAGE = 1 << 1,
    ENTRY_ATTRIBUTE_SHIFT = 2,
    ENTRY_INNER_SHAREABLE = 3 << 8,
    ENTRY_ACCESSED = 1 << 10,
};

#define ENTRY_NO_EXECUTE (3ull << 53)
#define ATTRIBUTES 0x44ff00ull    /* 0: Device-nGnRnE, 1: Normal, write-back, allocate, 2: Normal, not cacheable */

uint64_t entry_leaf(uint64_t physical, enum memory_kind kind, unsigned level)
{
    uint64_t entry = physical | ENTRY_VALID | ENTRY_ACCESSED | (level == 3 ? ENTRY_TABLE_OR_PAGE : 0);

    if (kind == MEMORY_NORMAL)
        return entry | ATTRIBUTE_NORMAL << ENTRY_ATTRIBUTE_SHIFT | ENTRY_INNER_SHAREABLE;
    if (kind == MEMORY_UNCACHED)
        return entry | ATTRIBUTE_UNCACHED << ENTRY_ATTRIBUTE_SHIFT | ENTRY_INNER_SHAREABLE | ENTRY_NO_EXECUTE;
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

void caches_flush(const char *at, uint64_t length)
{
    enum { WORD = 4, LINE_SHIFT = 16, LINE_BITS = 15 };
    uint64_t line = WORD << (SYSTEM_READ(ctr_el0) >> LINE_SHIFT & LINE_BITS);

    for (const char *end = at + length; at < end; at += line)
        __asm__ volatile("dc civac, %0" : : "r"(at) : "memory");
    __asm__ volatile("dsb sy" ::: "memory");
}

/* Asks the processor, which leaves what it finds in a register (Arm ARM, PAR_EL1). */
const char *memory_words(const void *address)
{
    enum { FAILED = 1, ATTRIBUTE_SHIFT = 56, WRITE_BACK = 0xff, NOT_CACHEABLE = 0x44 };
    uint64_t found;

    __asm__ volatile("at s1e1r, %0\n isb" : : "r"(address) : "memory");
    found = SYSTEM_READ(par_el1);
    if (found & FAILED)
        return "not mapped";
    switch (found >> ATTRIBUTE_SHIFT) {
    case WRITE_BACK:
        return "write-back";
    case NOT_CACHEABLE:
        return "normal, not cached";
    default:
        return found >> ATTRIBUTE_SHIFT & 0xf0 ? "normal" : "device";
    }
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
