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
    if (size && facts->ram_ranges < PLATFORM_RAM_RANGES)
        facts->ram[facts->ram_ranges++] = (struct memory_range){base, size};
}

void bare_say(const char *words)
{
    static const char before[] = "\r\nprobe: ", after[] = "\r\n";

    console_write(before, sizeof before - 1);
    console_write(words, text_length(words));
    console_write(after, sizeof after - 1);
}

static struct memory_range reserved;

void ram_reserve(uint64_t base, uint64_t size)
{
    reserved = (struct memory_range){base, size};
}

/* The first address from FROM on that is at the same place in a large page as LIKE. */
static uint64_t place_from(uint64_t from, uint64_t like)
{
    return ((from + LARGE_PAGE - 1) & -(uint64_t)LARGE_PAGE) + like % LARGE_PAGE;
}

/* In the rest of the RAM that the image lies in. */
void *memory_private(uint64_t like, uint64_t length)
{
    const struct platform_facts *facts = platform_facts();
    uint64_t base = place_from((uint64_t)image_end, like);

    if (base < reserved.base + reserved.size && reserved.base < base + length)
        base = place_from(reserved.base + reserved.size, like);
    for (size_t i = 0; i < facts->ram_ranges; i++) {
        const struct memory_range *ram = &facts->ram[i];
        uint64_t end = ram->base + ram->size;

        if (ram->base <= base && base < end && length <= end - base)
            return memory_map(base, length, MEMORY_NORMAL);
    }
    return NULL;
}
