/* SPDX-License-Identifier: Apache-2.0 */
#include "pattern.h"

static uint64_t word_at(uint64_t seed, uint64_t index)
{
    uint64_t z = seed + (index + 1) * 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint8_t byte_at(uint64_t seed, uint64_t offset)
{
    return (uint8_t)(word_at(seed, offset / 8) >> 8 * (offset % 8));
}

void pattern_fill(volatile uint8_t *base, uint64_t offset, uint64_t length, uint64_t seed)
{
    uint64_t end = offset + length;

    for (; offset < end && offset % 8; offset++)
        base[offset] = byte_at(seed, offset);
    for (; end - offset >= 8; offset += 8)
        *(volatile uint64_t *)(base + offset) = word_at(seed, offset / 8);
    for (; offset < end; offset++)
        base[offset] = byte_at(seed, offset);
}

static void compare_byte(struct mismatch *mismatch, uint8_t found, uint64_t offset, uint64_t seed)
{
    uint8_t expected = byte_at(seed, offset);

    if (expected == found)
        return;
    if (mismatch->count++ == 0) {
        mismatch->offset = offset;
        mismatch->expected = expected;
        mismatch->found = found;
    }
}

struct mismatch pattern_verify(const volatile uint8_t *base, uint64_t offset, uint64_t length, uint64_t seed)
{
    struct mismatch mismatch = {0};
    uint64_t end = offset + length;

    for (; offset < end && offset % 8; offset++)
        compare_byte(&mismatch, base[offset], offset, seed);
    for (; end - offset >= 8; offset += 8) {
        /* One load: what comes late must not be right at a second look. */
        uint64_t word = *(const volatile uint64_t *)(base + offset);

        for (unsigned i = 0; word != word_at(seed, offset / 8) && i < 8; i++)
            compare_byte(&mismatch, (uint8_t)(word >> 8 * i), offset + i, seed);
    }
    for (; offset < end; offset++)
        compare_byte(&mismatch, base[offset], offset, seed);
    return mismatch;
}
