/* SPDX-License-Identifier: Apache-2.0 */
#include "bare.h"
#include "text.h"

enum { NOTE_HEADER = 12, NOTE_OWNER = 4, BUILD_ID = 20, LARGE_PAGE = 2 << 20 };

const char *build_id(void)
{
    static char digits[2 * BUILD_ID + 1];
    const unsigned char *id = (const unsigned char *)build_id_note + NOTE_HEADER + NOTE_OWNER;

    for (unsigned i = 0; i < BUILD_ID; i++)
        hex_write(digits + 2 * i, id[i], 2);
    return digits;
}

void ram_add(struct platform_facts *facts, uint64_t base, uint64_t size)
{
    if (facts->ram_ranges < PLATFORM_RAM_RANGES)
        facts->ram[facts->ram_ranges++] = (struct memory_range){base, size};
}

/* In the rest of the RAM that the image lies in. */
void *memory_private(uint64_t like, uint64_t length)
{
    const struct platform_facts *facts = platform_facts();
    uint64_t base = (((uint64_t)image_end + LARGE_PAGE - 1) & -(uint64_t)LARGE_PAGE) + like % LARGE_PAGE;

    for (size_t i = 0; i < facts->ram_ranges; i++) {
        const struct memory_range *ram = &facts->ram[i];
        uint64_t end = ram->base + ram->size;

        if (ram->base <= base && base < end && length <= end - base)
            return memory_map(base, length, MEMORY_NORMAL);
    }
    return NULL;
}
