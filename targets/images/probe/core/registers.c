/* SPDX-License-Identifier: Apache-2.0 */
/* Single accesses of any width to the pages of the device, to data, and to any guest-physical address. */
#include "mmio.h"
#include "shmem.h"
#include "statistics.h"
#include "text.h"

struct access {
    volatile uint8_t *at;
    uint64_t length;              /* to be unmapped after the access; 0: nothing */
    unsigned width;
};

static bool place_in(struct call *call, volatile uint8_t *base, uint64_t offset, uint64_t size, struct access *access)
{
    if (offset > size || size - offset < access->width) {
        call_fail(call, FAIL_USAGE, "outside the page", call->word[2]);
        return false;
    }
    access->at = base + offset;
    return true;
}

static bool place_physical(struct call *call, uint64_t physical, struct access *access)
{
    access->length = access->width;
    access->at = memory_map(physical, access->width, MEMORY_KEEP);
    if (!access->at)
        call_fail(call, FAIL_LIMIT, "the guest cannot map this address", call->word[2]);
    return access->at;
}

/* The place that the words PAGE OFFSET WIDTH mean. */
static bool place(struct call *call, struct access *access)
{
    uint64_t offset, width;
    struct device *device;
    struct region *region;

    if (!call_number(call, 2, UINT64_MAX, &offset) || !call_number(call, 3, 8, &width))
        return false;
    if (!mmio_width_valid(width)) {
        call_fail(call, FAIL_USAGE, "width is 1, 2, 4 or 8", call->word[3]);
        return false;
    }
    *access = (struct access){.width = (unsigned)width};
    if (text_equal(call->word[1], "phys"))
        return place_physical(call, offset, access);
    if (text_equal(call->word[1], "factory"))
        return (device = device_selected(call)) && place_in(call, device->factory, offset, SHMEM_PAGE, access);
    if (text_equal(call->word[1], "control"))
        return (region = region_selected(call)) && place_in(call, region->control, offset, SHMEM_PAGE, access);
    if (text_equal(call->word[1], "data"))
        return (region = region_selected(call)) && place_in(call, region->data, offset, region->length, access);
    call_fail(call, FAIL_USAGE, "page is factory, control, data or phys", call->word[1]);
    return false;
}

static void release(const struct access *access)
{
    if (access->length)
        memory_unmap((void *)access->at, access->length, MEMORY_KEEP);
}

static void run_read(struct call *call)
{
    struct access access;

    if (!place(call, &access))
        return;
    json_hex(&call->json, "value", mmio_read(access.at, access.width));
    release(&access);
}

static void run_write(struct call *call)
{
    struct access access;
    uint64_t value;

    if (!place(call, &access))
        return;
    if (!call_number(call, 4, access.width == 8 ? UINT64_MAX : (1ull << 8 * access.width) - 1, &value))
        return;
    mmio_write(access.at, access.width, value);
    release(&access);
    json_hex(&call->json, "value", value);
}

static void run_timed(struct call *call)
{
    struct access access;
    uint64_t count;

    if (!call_timed(call) || !place(call, &access) || !call_number(call, 4, SAMPLES_MAX, &count))
        return;
    if (count == 0) {
        call_fail(call, FAIL_USAGE, "at least one access", call->word[4]);
        return;
    }
    for (uint64_t i = 0; i < count; i++) {
        uint64_t start = clock_now_ns();

        mmio_read(access.at, access.width);
        statistics_samples[i] = clock_now_ns() - start;
    }
    release(&access);
    statistics_keep(count);
    statistics_describe(&call->json, 0, 1, count);
}

const struct command register_commands[] = {
    {"read", "factory|control|data|phys OFFSET WIDTH", 3, 3, run_read},
    {"write", "factory|control|data|phys OFFSET WIDTH VALUE", 4, 4, run_write},
    {"timed", "factory|control|data|phys OFFSET WIDTH COUNT", 4, 4, run_timed},
    {0},
};
