/* SPDX-License-Identifier: Apache-2.0 */
/* The data pages of a region as bytes. */
#include "crc32.h"
#include "pattern.h"
#include "shmem.h"
#include "text.h"

enum { PEEK_MAX = 4096 };

/* The words OFFSET LENGTH as a part of the current region; NULL (and the call has failed) when they are none. */
static struct region *part(struct call *call, uint64_t *offset, uint64_t *length)
{
    struct region *region = region_selected(call);

    if (!region || !call_number(call, 1, region->length, offset) ||
        !call_number(call, 2, region->length - *offset, length))
        return NULL;
    return region;
}

static void run_fill(struct call *call)
{
    uint64_t offset, length, seed;
    struct region *region = part(call, &offset, &length);

    if (!region || !call_number(call, 3, UINT64_MAX, &seed))
        return;
    pattern_fill(region->data, offset, length, seed);
    json_number(&call->json, "length", length);
}

/* One value at the same place of every piece of memory: of every page, say, to find the page again. */
static void run_stamp(struct call *call)
{
    uint64_t offset, length, step, value;
    struct region *region = part(call, &offset, &length);

    if (!region || !call_number(call, 3, UINT32_MAX, &step) || !call_number(call, 4, UINT64_MAX, &value))
        return;
    if (offset % 8 || step % 8 || step == 0) {
        call_fail(call, FAIL_USAGE, "offset and step are multiples of 8, step is not 0", NULL);
        return;
    }
    for (uint64_t at = 0; at + 8 <= length; at += step)
        *(volatile uint64_t *)(region->data + offset + at) = value;
    json_number(&call->json, "words", length < 8 ? 0 : (length - 8) / step + 1);
}

static void run_verify(struct call *call)
{
    uint64_t offset, length, seed;
    struct region *region = part(call, &offset, &length);
    struct mismatch mismatch;

    if (!region || !call_number(call, 3, UINT64_MAX, &seed))
        return;
    mismatch = pattern_verify(region->data, offset, length, seed);
    json_number(&call->json, "length", length);
    json_number(&call->json, "mismatches", mismatch.count);
    if (mismatch.count == 0) {
        json_null(&call->json, "first");
        return;
    }
    json_object(&call->json, "first");
    json_number(&call->json, "offset", mismatch.offset);
    json_number(&call->json, "expected", mismatch.expected);
    json_number(&call->json, "found", mismatch.found);
    json_object_end(&call->json);
}

static void run_checksum(struct call *call)
{
    uint64_t offset, length;
    struct region *region = part(call, &offset, &length);

    if (!region)
        return;
    json_number(&call->json, "length", length);
    json_hex(&call->json, "crc32", crc32(0, region->data + offset, length));
}

static void run_peek(struct call *call)
{
    uint64_t offset, length;
    struct region *region = part(call, &offset, &length);

    if (!region)
        return;
    if (length > PEEK_MAX) {
        call_fail(call, FAIL_USAGE, "at most 4096 bytes at once", call->word[2]);
        return;
    }
    json_bytes(&call->json, "data", region->data + offset, length);
}

static void run_poke(struct call *call)
{
    struct region *region = region_selected(call);
    const char *digits = call->word[2];
    uint64_t offset, length = text_length(digits) / 2;

    if (!region || !call_number(call, 1, region->length, &offset))
        return;
    if (length > region->length - offset) {
        call_fail(call, FAIL_USAGE, "outside the region", call->word[1]);
        return;
    }
    for (size_t i = 0; digits[i]; i++) {
        if (hex_digit(digits[i]) < 0 || text_length(digits) % 2) {
            call_fail(call, FAIL_USAGE, "not an even number of hex digits", NULL);
            return;
        }
    }
    for (uint64_t i = 0; i < length; i++)
        region->data[offset + i] = (uint8_t)(hex_digit(digits[2 * i]) << 4 | hex_digit(digits[2 * i + 1]));
    json_number(&call->json, "length", length);
}

const struct command data_commands[] = {
    {"fill", "OFFSET LENGTH SEED", 3, 3, run_fill},
    {"stamp", "OFFSET LENGTH STEP VALUE", 4, 4, run_stamp},
    {"verify", "OFFSET LENGTH SEED", 3, 3, run_verify},
    {"checksum", "OFFSET LENGTH", 2, 2, run_checksum},
    {"peek", "OFFSET LENGTH", 2, 2, run_peek},
    {"poke", "OFFSET HEX", 2, 2, run_poke},
    {0},
};
