/* SPDX-License-Identifier: Apache-2.0 */
#include "crc32.h"

static uint32_t table[256];

static void table_make(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t entry = i;

        for (int bit = 0; bit < 8; bit++)
            entry = entry & 1 ? entry >> 1 ^ 0xedb88320 : entry >> 1;
        table[i] = entry;
    }
}

uint32_t crc32(uint32_t crc, const volatile void *bytes, size_t length)
{
    const volatile unsigned char *byte = bytes;

    if (!table[1])
        table_make();
    crc = ~crc;
    while (length--)
        crc = crc >> 8 ^ table[(crc ^ *byte++) & 0xff];
    return ~crc;
}
