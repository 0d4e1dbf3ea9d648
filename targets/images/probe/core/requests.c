/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long requests take. The name stands in its register already, so a request is a store of the size and a load of the
 * status; a region that is granted is left at once by a store to its control page.
 */
#include "command.h"
#include "mmio.h"
#include "shmem.h"
#include "statistics.h"

enum { REQUESTS_MAX = SAMPLES_MAX / 2 };

struct asking {
    struct device *device;
    uint64_t pages, count;
    uint32_t status;              /* of the first request, and so of all */
    uint64_t shmem;               /* the control page that is mapped; 0: none */
    volatile uint8_t *control;
};

static bool control_map(struct call *call, struct asking *asking)
{
    uint64_t shmem = mmio_read(asking->device->factory + FACTORY_SHMEM, 8);

    if (asking->control && shmem == asking->shmem)
        return true;
    if (asking->control)
        memory_unmap((void *)asking->control, SHMEM_PAGE, MEMORY_DEVICE);
    asking->shmem = shmem;
    asking->control = shmem && shmem % SHMEM_PAGE == 0 ? memory_map(shmem, SHMEM_PAGE, MEMORY_DEVICE) : NULL;
    if (!asking->control)
        call_fail(call, FAIL_DEVICE, "attached, but the shmem register holds no page that can be mapped", NULL);
    return asking->control;
}

/* One request, and its end: the times of both. */
static bool ask(struct call *call, struct asking *asking, uint64_t time[2])
{
    uint64_t start = clock_now_ns();

    mmio_write(asking->device->factory + FACTORY_SIZE, 4, asking->pages);
    asking->status = (uint32_t)mmio_read(asking->device->factory + FACTORY_STATUS, 4);
    time[0] = clock_now_ns() - start;
    time[1] = 0;
    if (asking->status != 0)
        return true;
    if (!control_map(call, asking))
        return false;
    start = clock_now_ns();
    mmio_write(asking->control + CONTROL_DETACH, 4, 1);
    time[1] = clock_now_ns() - start;
    return true;
}

static bool ask_all(struct call *call, struct asking *asking)
{
    for (uint64_t i = 0; i < asking->count; i++) {
        uint32_t status = asking->status;

        if (!ask(call, asking, &statistics_samples[2 * i]))
            return false;
        if (i > 0 && asking->status != status) {
            call_fail(call, FAIL_DEVICE, "the same request has had two statuses", NULL);
            return false;
        }
    }
    return true;
}

static void run_requests(struct call *call)
{
    struct asking asking = {.device = device_selected(call)};
    int length;
    bool done;

    if (!call_timed(call) || !asking.device || !call_number(call, 2, UINT32_MAX, &asking.pages) ||
        !call_number(call, 3, REQUESTS_MAX, &asking.count))
        return;
    if (asking.count == 0) {
        call_fail(call, FAIL_USAGE, "at least one request", call->word[3]);
        return;
    }
    length = name_argument(call, 1);
    if (length < 0)
        return;
    name_write(asking.device, call->word[1], (unsigned)length);
    done = ask_all(call, &asking);
    if (asking.control)
        memory_unmap((void *)asking.control, SHMEM_PAGE, MEMORY_DEVICE);
    if (!done)
        return;
    statistics_keep(2 * asking.count);
    json_number(&call->json, "status", asking.status);
    statistics_describe_half(&call->json, "request", 0, asking.count);
    statistics_describe_half(&call->json, "detach", 1, asking.count);
}

const struct command request_commands[] = {
    {"requests", "NAME PAGES COUNT", 3, 3, run_requests},
    {0},
};
