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
