/* SPDX-License-Identifier: Apache-2.0 */
/* Four-level paging (Intel SDM, volume 3, chapter 4). The memory type follows the page attribute table's reset value. */
#include "machine.h"

enum { PRESENT = 1, WRITABLE = 2, WRITE_THROUGH = 8, CACHE_OFF = 16, LARGE = 128 };

uint64_t entry_leaf(uint64_t physical, enum memory_kind kind, unsigned level)
{
    uint64_t entry = physical | PRESENT | WRITABLE | (level == 3 ? 0 : LARGE);

    return kind == MEMORY_NORMAL ? entry : entry | WRITE_THROUGH | CACHE_OFF;
}

uint64_t entry_table(uint64_t physical)
{
    return physical | PRESENT | WRITABLE;
}

bool entry_is_table(uint64_t entry, unsigned level)
{
    return level < 3 && !(entry & LARGE);
}

uint64_t entry_split(uint64_t entry, unsigned index)
{
    return (entry & ~(uint64_t)LARGE) + ((uint64_t)index << 12);
}

void translation_flush(void)
{
    uint64_t root;

    __asm__ volatile("mov %%cr3, %0\n mov %0, %%cr3" : "=r"(root) : : "memory");
}

void caches_flush(const char *at, uint64_t length)
{
    enum { LINE = 64 };

    for (const char *end = at + length; at < end; at += LINE)
        __asm__ volatile("clflush (%0)" : : "r"(at) : "memory");
    __asm__ volatile("mfence" ::: "memory");
}

/* By the tables, and by the register that has the types which they choose from (Intel SDM, volume 3, "Page attribute table"). */
const char *memory_words(const void *address)
{
    enum { PAT = 0x277, PAT_OF_PAGE = 1 << 7, PAT_OF_LARGE_PAGE = 1 << 12 };
    static const char *const types[] = {
        "not cached", "write-combining", "type 2", "type 3", "write-through", "write-protected", "write-back", "not cached",
    };
    uint64_t entry = pagetable_root();
    unsigned level = 0, chosen;
    uint32_t low, high;

    for (; level < 4; level++) {
        entry = ((const uint64_t *)(entry & 0x000ffffffffff000u))[(uint64_t)address >> (39 - 9 * level) & 511];
        if (!(entry & PRESENT))
            return "not mapped";
        if (level == 3 || !entry_is_table(entry, level))
            break;
    }
    chosen = (entry & WRITE_THROUGH ? 1 : 0) + (entry & CACHE_OFF ? 2 : 0) +
             (entry & (level == 3 ? PAT_OF_PAGE : PAT_OF_LARGE_PAGE) ? 4 : 0);
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(PAT));
    return types[((uint64_t)high << 32 | low) >> 8 * chosen & 7];
}

unsigned physical_bits(void)
{
    enum { LEAF_LARGEST = 0x80000000u, LEAF_ADDRESS_SIZES = 0x80000008u, USUAL = 36 };
    uint32_t a = LEAF_LARGEST, b, c = 0, d;

    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if (a < LEAF_ADDRESS_SIZES)
        return USUAL;
    a = LEAF_ADDRESS_SIZES;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return a & 0xff;
}

/* All RAM but the first page, so that null pointers fault. */
void mmu_start(const struct platform_facts *facts)
{
    pagetable_limit(physical_bits());
    for (size_t i = 0; i < facts->ram_ranges; i++)
        pagetable_set(facts->ram[i].base, facts->ram[i].size, MEMORY_NORMAL);
    pagetable_clear(0, 4096);
    pagetable_clear((uint64_t)stack_guard, 4096);
    __asm__ volatile("mov %0, %%cr3" : : "r"(pagetable_root()) : "memory");
}
