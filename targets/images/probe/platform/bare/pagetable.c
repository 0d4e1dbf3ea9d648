/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identity page tables. Only what is known to be there is mapped: RAM, the devices in use, and what a command asks for;
 * everything else faults, and no processor can speculate into it.
 */
#include "bare.h"

enum { ENTRIES = 512, TABLES = 320, LEAF_LEVEL = 3, LARGE_LEVEL = 2, PAGE = 4096 };

enum change {
    SET_DEVICE = MEMORY_DEVICE,
    SET_NORMAL = MEMORY_NORMAL,
    SET_UNCACHED = MEMORY_UNCACHED,
    SET_MISSING = MEMORY_KEEP,
    CLEAR,
};

static uint64_t table[TABLES][ENTRIES] __attribute__((aligned(PAGE)));
static unsigned tables_used = 1;
static uint64_t physical_end = 1ull << 40;

uint64_t pagetable_root(void)
{
    return (uint64_t)table[0];
}

void pagetable_limit(unsigned physical_bits)
{
    physical_end = 1ull << (physical_bits < 47 ? physical_bits : 47);
}

static unsigned shift_of(unsigned level)
{
    return 39 - 9 * level;
}

static uint64_t *table_below(uint64_t entry)
{
    return (uint64_t *)(entry & 0x0000fffffffff000u);
}

/* The table that ENTRY points to; made when it is missing or a large page. NULL when there is no space for one. */
static uint64_t *descend(uint64_t *entry, unsigned level)
{
    uint64_t old = *entry, *below;

    if (old && entry_is_table(old, level))
        return table_below(old);
    if (tables_used == TABLES)
        return NULL;
    below = table[tables_used++];
    for (unsigned i = 0; old && i < ENTRIES; i++)
        below[i] = entry_split(old, i);
    if (old) {
        *entry = 0;
        translation_flush();
    }
    *entry = entry_table((uint64_t)below);
    return below;
}

static void leaf_change(uint64_t *entry, uint64_t physical, unsigned level, enum change change)
{
    if (change == CLEAR)
        *entry = 0;
    else if (change != SET_MISSING)
        *entry = entry_leaf(physical, (enum memory_kind)change, level);
    else if (!*entry)
        *entry = entry_leaf(physical, MEMORY_DEVICE, level);
}

static bool walk(uint64_t *entries, unsigned level, uint64_t start, uint64_t end, enum change change)
{
    uint64_t size = 1ull << shift_of(level);

    for (uint64_t stop; start < end; start = stop) {
        uint64_t *entry = &entries[start >> shift_of(level) & (ENTRIES - 1)];
        bool leaf = level == LEAF_LEVEL, present = *entry != 0;
        bool large = level == LARGE_LEVEL && !(present && entry_is_table(*entry, level));
        uint64_t *below;

        stop = (start & -size) + size;
        if (stop > end)
            stop = end;
        if (leaf || (large && stop - start == size)) {
            leaf_change(entry, start, level, change);
            continue;
        }
        if ((change == CLEAR && !present) || (change == SET_MISSING && present && large))
            continue;
        below = descend(entry, level);
        if (!below || !walk(below, level + 1, start, stop, change))
            return false;
    }
    return true;
}

static bool change_range(uint64_t physical, uint64_t length, enum change change)
{
    uint64_t start = physical & -(uint64_t)PAGE;
    bool done;

    if (length == 0 || physical >= physical_end || length > physical_end - physical)
        return false;
    done = walk(table[0], 0, start, (physical + length + PAGE - 1) & -(uint64_t)PAGE, change);
    translation_flush();
    return done;
}

bool pagetable_set(uint64_t physical, uint64_t length, enum memory_kind kind)
{
    return change_range(physical, length, (enum change)kind);
}

void pagetable_clear(uint64_t physical, uint64_t length)
{
    change_range(physical, length, CLEAR);
}

void *memory_map(uint64_t physical, uint64_t length, enum memory_kind kind)
{
    if (!pagetable_set(physical, length, kind))
        return NULL;
    if (kind == MEMORY_UNCACHED)
        caches_flush((const char *)physical, length);
    return (void *)physical;
}

/* KEEP may have found the range mapped for another purpose, so it stays. */
void memory_unmap(void *address, uint64_t length, enum memory_kind kind)
{
    if (kind != MEMORY_KEEP)
        pagetable_clear((uint64_t)address, length);
}
