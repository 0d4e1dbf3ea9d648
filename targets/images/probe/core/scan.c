/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a range of guest-physical memory word by word, skips words that fault, and reports the content. */
#include "mmio.h"
#include "shmem.h"
#include "text.h"

enum { FINDINGS = 8 };

struct scan {
    uint64_t physical, end;       /* where the scan is, and where it ends */
    const volatile uint8_t *at;   /* the same place, mapped */
    uint64_t step;
    bool needle_given;
    uint64_t needle;
    uint64_t words, zero, ones, other, hits, faults, skipped;
    unsigned findings;
    struct finding {
        uint64_t physical, value;
    } finding[FINDINGS];
};

static void look(struct scan *scan, uint64_t value)
{
    scan->words++;
    scan->hits += scan->needle_given && value == scan->needle;
    if (value == 0) {
        scan->zero++;
    } else if (value == UINT64_MAX) {
        scan->ones++;
    } else {
        scan->other++;
        if (scan->findings < FINDINGS)
            scan->finding[scan->findings++] = (struct finding){scan->physical, value};
    }
}

static void advance(struct scan *scan, uint64_t length)
{
    scan->physical += length;
    scan->at += length;
}

/* Reading the status register of an attached region would lose its signals. */
static bool skip_control_page(struct scan *scan)
{
    if (scan->physical % SHMEM_PAGE || !region_of_control_page(scan->physical))
        return false;
    scan->skipped++;
    advance(scan, SHMEM_PAGE);
    return true;
}

static void scan_until_fault(void *argument)
{
    struct scan *scan = argument;

    while (scan->physical < scan->end) {
        if (skip_control_page(scan))
            continue;
        look(scan, mmio_read(scan->at, 8));
        advance(scan, scan->step);
    }
}

static void scan_all(struct scan *scan)
{
    struct fault fault;

    while (!fault_guard(scan_until_fault, scan, &fault)) {
        scan->faults++;
        advance(scan, SHMEM_PAGE - scan->physical % SHMEM_PAGE);
    }
}

static void describe(struct json *json, const struct scan *scan)
{
    json_number(json, "words", scan->words);
    json_number(json, "zero", scan->zero);
    json_number(json, "ones", scan->ones);
    json_number(json, "other", scan->other);
    json_number(json, "hits", scan->hits);
    json_number(json, "faults", scan->faults);
    json_number(json, "skipped_pages", scan->skipped);
    json_array(json, "first");
    for (unsigned i = 0; i < scan->findings; i++) {
        json_object(json, NULL);
        json_hex(json, "address", scan->finding[i].physical);
        json_hex(json, "value", scan->finding[i].value);
        json_object_end(json);
    }
    json_array_end(json);
}

/* The words STEP [NEEDLE] from FIRST on, where they are given. */
static bool manner(struct call *call, unsigned first, struct scan *scan)
{
    scan->step = 8;
    if (call->words > first && !call_number(call, first, SHMEM_PAGE, &scan->step))
        return false;
    if (scan->step == 0 || SHMEM_PAGE % scan->step || scan->step % 8) {
        call_fail(call, FAIL_USAGE, "step is a power of two from 8 to 4096", call->word[first]);
        return false;
    }
    scan->needle_given = call->words > first + 1;
    return !scan->needle_given || call_number(call, first + 1, UINT64_MAX, &scan->needle);
}

static void scan_range(struct call *call, struct scan *scan, uint64_t base, uint64_t length)
{
    scan->physical = base;
    scan->end = base + length;
    scan->at = memory_map(base, length, MEMORY_KEEP);
    if (!scan->at) {
        call_fail(call, FAIL_LIMIT, "the guest cannot map this range", NULL);
        return;
    }
    scan_all(scan);
    memory_unmap((void *)(scan->at - (scan->physical - base)), length, MEMORY_KEEP);
    describe(&call->json, scan);
}

static void scan_window(struct call *call)
{
    struct device *device = device_selected(call);
    struct scan scan = {0};

    if (!device || !manner(call, 2, &scan))
        return;
    if (!device->pci || device->function.bar[2].size == 0) {
        call_fail(call, FAIL_STATE, "this device has no window register", NULL);
        return;
    }
    scan_range(call, &scan, device->function.bar[2].base, device->function.bar[2].size);
}

static void scan_physical(struct call *call)
{
    struct scan scan = {0};
    uint64_t base, length;

    if (call->words < 4) {
        call_fail(call, FAIL_USAGE, "phys ADDRESS LENGTH [STEP [NEEDLE]]", NULL);
        return;
    }
    if (!call_number(call, 2, UINT64_MAX, &base) || !call_number(call, 3, UINT64_MAX - base, &length) ||
        !manner(call, 4, &scan))
        return;
    if (base % 8 || length % SHMEM_PAGE) {
        call_fail(call, FAIL_USAGE, "the address is a multiple of 8, the length of 4096", NULL);
        return;
    }
    scan_range(call, &scan, base, length);
}

static void run_scan(struct call *call)
{
    if (text_equal(call->word[1], "window"))
        scan_window(call);
    else if (text_equal(call->word[1], "phys"))
        scan_physical(call);
    else
        call_fail(call, FAIL_USAGE, "the range is window or phys", call->word[1]);
}

const struct command scan_commands[] = {
    {"scan", "window [STEP [NEEDLE]] | phys ADDRESS LENGTH [STEP [NEEDLE]]", 1, 5, run_scan},
    {0},
};
