/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that behaves as badly as it can: accesses of every kind and width, anywhere in the device. */
#include "mmio.h"
#include "shmem.h"

enum { MILLISECOND = 1000000, BATCH = 64, TIME_MAX = 600000, SLOT_PAGES = 4096 };

struct rampage {
    struct device *device;
    volatile uint8_t *base;
    uint64_t pages;
    uint64_t state;               /* of the random numbers */
    uint64_t needle;
    uint64_t reads, writes, faults, hits;
};

/* xorshift64*: any other would do, but it must be the same for the same seed. */
static uint64_t next(struct rampage *rampage)
{
    rampage->state ^= rampage->state >> 12;
    rampage->state ^= rampage->state << 25;
    rampage->state ^= rampage->state >> 27;
    return rampage->state * 0x2545f4914f6cdd1du;
}

/* One access in four hits the factory page, one a page where a control page may be, the others any page. */
static volatile uint8_t *page(struct rampage *rampage)
{
    uint64_t choice = next(rampage) >> 8, index = (choice >> 2) % rampage->pages;

    if (choice % 4 == 0)
        return rampage->device->factory;
    if (choice % 4 == 1)
        index -= index % SLOT_PAGES;
    return rampage->base + index * SHMEM_PAGE;
}

static void access(struct rampage *rampage)
{
    volatile uint8_t *at = page(rampage);
    uint64_t dice = next(rampage) >> 8;
    unsigned width = 1u << dice % 4;
    bool registers = dice >> 2 & 1, misaligned = (dice >> 3) % 16 == 0, write = dice >> 8 & 1;

    /* Registers are at the beginning of a page; on the last bytes, an access must not leave the page. */
    at += (dice >> 16) % (registers ? 0x48 : SHMEM_PAGE - 8);
    if (!misaligned)
        at = (volatile uint8_t *)((uintptr_t)at & -(uintptr_t)width);
    if (write) {
        rampage->writes++;
        mmio_write(at, width, next(rampage));
        return;
    }
    rampage->reads++;
    rampage->hits += mmio_read(at, width) == rampage->needle && width == 8;
}

static void batch(void *argument)
{
    for (int i = 0; i < BATCH; i++)
        access(argument);
}

static void run_rampage(struct call *call)
{
    struct rampage rampage = {.device = device_selected(call)};
    uint64_t milliseconds, address, length, end;
    struct fault fault;

    if (!rampage.device || !call_timed(call) || !call_number(call, 1, TIME_MAX, &milliseconds) ||
        !call_number(call, 2, UINT64_MAX, &rampage.state) || !call_number(call, 3, UINT64_MAX, &rampage.needle) ||
        !call_number(call, 4, UINT64_MAX, &address) || !call_number(call, 5, UINT64_MAX - address, &length))
        return;
    rampage.pages = length / SHMEM_PAGE;
    rampage.base = rampage.pages ? memory_map(address, length, MEMORY_KEEP) : NULL;
    if (!rampage.base || rampage.state == 0) {
        call_fail(call, FAIL_USAGE, "the seed is not 0, the range has a page and can be mapped", NULL);
        return;
    }
    end = clock_now_ns() + milliseconds * MILLISECOND;
    while (clock_now_ns() < end)
        rampage.faults += !fault_guard(batch, &rampage, &fault);
    memory_unmap((void *)rampage.base, length, MEMORY_KEEP);
    json_number(&call->json, "reads", rampage.reads);
    json_number(&call->json, "writes", rampage.writes);
    json_number(&call->json, "faults", rampage.faults);
    json_number(&call->json, "hits", rampage.hits);
}

const struct command hostile_commands[] = {
    {"rampage", "MILLISECONDS SEED NEEDLE ADDRESS LENGTH", 5, 5, run_rampage},
    {0},
};
