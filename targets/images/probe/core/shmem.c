/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the factory page, and the table of attached regions. */
#include "shmem.h"
#include "mmio.h"
#include "text.h"

enum { NO_HANDLE = HANDLES_MAX };

static struct region regions[HANDLES_MAX];
static unsigned current = NO_HANDLE;

struct region *region_selected(struct call *call)
{
    unsigned handle = call->handle_given ? call->handle : current;

    if (handle != NO_HANDLE && regions[handle].attached)
        return &regions[handle];
    call_fail(call, FAIL_STATE, "no region is attached", NULL);
    return NULL;
}

struct region *region_next(const struct device *device, struct region *before)
{
    for (struct region *region = before ? before + 1 : regions; region < regions + HANDLES_MAX; region++)
        if (region->attached && region->device == device)
            return region;
    return NULL;
}

unsigned region_handle(const struct region *region)
{
    return (unsigned)(region - regions);
}

struct region *region_numbered(uint64_t handle)
{
    return handle < HANDLES_MAX ? &regions[handle] : NULL;
}

const struct region *region_of_control_page(uint64_t physical)
{
    for (unsigned i = 0; i < HANDLES_MAX; i++)
        if (regions[i].attached && regions[i].physical == physical)
            return &regions[i];
    return NULL;
}

void name_write(struct device *device, const char *name, unsigned length)
{
    for (unsigned i = 0; i < length; i++)
        mmio_write(device->factory + FACTORY_NAME + i, 1, (uint8_t)name[i]);
    if (length < SHMEM_NAME_SIZE)
        mmio_write(device->factory + FACTORY_NAME + length, 1, 0);
}

int name_argument(struct call *call, unsigned word)
{
    int length = call_name(call, word);

    if (length > SHMEM_NAME_SIZE) {
        call_fail(call, FAIL_USAGE, "a name has at most 32 bytes", NULL);
        return -1;
    }
    return length;
}

struct outcome outcome_read(struct device *device)
{
    struct outcome outcome;

    outcome.status = (uint32_t)mmio_read(device->factory + FACTORY_STATUS, 4);
    outcome.shmem = mmio_read(device->factory + FACTORY_SHMEM, 8);
    outcome.size = (uint32_t)mmio_read(device->factory + FACTORY_SIZE, 4);
    outcome.vector = (uint32_t)mmio_read(device->factory + FACTORY_VECTOR, 4);
    return outcome;
}

static unsigned handle_free(void)
{
    unsigned handle = 0;

    while (handle < HANDLES_MAX && regions[handle].attached)
        handle++;
    return handle;
}

/* What no device may say to a request that it has granted, or NULL. */
static const char *outcome_doubt(const struct outcome *outcome)
{
    if (outcome->size == 0 || outcome->size > PAGES_MAX)
        return "attached, but the size register holds no size of a region";
    if (outcome->shmem == 0 || outcome->shmem % SHMEM_PAGE != 0)
        return "attached, but the shmem register holds no address of a page";
    return NULL;
}

const char *region_open(struct device *device, const struct outcome *outcome, struct region *region, uint32_t *status)
{
    const char *doubt = outcome_doubt(outcome);

    if (doubt)
        return doubt;
    *region = (struct region){
        .device = device,
        .physical = outcome->shmem,
        .length = (uint64_t)outcome->size * SHMEM_PAGE,
        .kind = MEMORY_NORMAL,
    };
    region->control = memory_map(region->physical, SHMEM_PAGE, MEMORY_DEVICE);
    region->data = memory_map(region->physical + SHMEM_PAGE, region->length, region->kind);
    if (!region->control || !region->data)
        return "attached, but the guest has no page tables left to map the region";
    *status = (uint32_t)mmio_read(region->control + CONTROL_STATUS, 4);
    region->members = *status >> STATUS_MEMBERS_SHIFT;
    region->attached = true;
    return NULL;
}

static void outcome_describe(struct json *json, const struct outcome *outcome)
{
    json_number(json, "status", outcome->status);
    json_hex(json, "shmem", outcome->shmem);
    json_number(json, "size", outcome->size);
    json_number(json, "vector", outcome->vector);
}

static void run_attach(struct call *call)
{
    struct device *device = device_selected(call);
    unsigned handle = handle_free();
    struct outcome outcome;
    const char *trouble;
    uint32_t status;
    uint64_t pages, index;
    int length;

    if (!device || !call_number(call, 2, UINT32_MAX, &pages))
        return;
    length = name_argument(call, 1);
    if (length < 0)
        return;
    if (handle == HANDLES_MAX) {
        call_fail(call, FAIL_LIMIT, "the table of attached regions is full", NULL);
        return;
    }
    name_write(device, call->word[1], (unsigned)length);
    /* An interrupt that comes before the region is known would be answered without a look at it. */
    interrupts_mask();
    mmio_write(device->factory + FACTORY_SIZE, 4, pages);
    outcome = outcome_read(device);
    trouble = outcome.status == 0 ? region_open(device, &outcome, &regions[handle], &status) : NULL;
    interrupts_unmask();
    if (outcome.status != 0) {
        outcome_describe(&call->json, &outcome);
        json_null(&call->json, "handle");
        return;
    }
    if (trouble) {
        call_fail(call, outcome_doubt(&outcome) ? FAIL_DEVICE : FAIL_LIMIT, trouble, NULL);
        return;
    }
    index = mmio_read(regions[handle].control + CONTROL_INDEX, 4);
    if (index >= SHMEM_CLIENTS) {
        region_close(&regions[handle]);
        call_fail(call, FAIL_DEVICE, "attached, but the control page has no index of a client", NULL);
        return;
    }
    current = handle;
    outcome_describe(&call->json, &outcome);
    json_number(&call->json, "handle", handle);
    json_number(&call->json, "index", index);
    json_hex(&call->json, "control_status", status);
}

void region_close(struct region *region)
{
    region->attached = false;
    memory_unmap((void *)region->data, region->length, region->kind);
    memory_unmap((void *)region->control, SHMEM_PAGE, MEMORY_DEVICE);
}

static bool map_again(struct region *region, enum memory_kind kind)
{
    region->data = memory_map(region->physical + SHMEM_PAGE, region->length, kind);
    if (region->data)
        region->kind = kind;
    return region->data;
}

/* The data are unmapped before they are mapped in another way: two ways at once are not allowed on every architecture. */
static void map_as(struct call *call, struct region *region, enum memory_kind kind)
{
    memory_unmap((void *)region->data, region->length, region->kind);
    if (map_again(region, kind))
        return;
    region->attached = map_again(region, region->kind);
    call_fail(call, FAIL_LIMIT, "this guest cannot map the data so", NULL);
}

static void run_mapping(struct call *call)
{
    struct region *region = region_selected(call);

    if (!region)
        return;
    if (call->words > 1 && text_equal(call->word[1], "uncached"))
        map_as(call, region, MEMORY_UNCACHED);
    else if (call->words > 1 && text_equal(call->word[1], "normal"))
        map_as(call, region, MEMORY_NORMAL);
    else if (call->words > 1)
        call_fail(call, FAIL_USAGE, "data are mapped normal or uncached", call->word[1]);
    if (!call->failed)
        json_text_or_null(&call->json, "attribute", memory_words((const void *)region->data));
}

static void run_detach(struct call *call)
{
    struct region *region = region_selected(call);
    uint64_t value = 1;

    if (!region || (call->words > 1 && !call_number(call, 1, UINT32_MAX, &value)))
        return;
    interrupts_mask();
    mmio_write(region->control + CONTROL_DETACH, 4, value);
    region_close(region);
    interrupts_unmask();
    json_number(&call->json, "handle", region_handle(region));
    json_hex(&call->json, "control", region->physical);
    json_hex(&call->json, "data", region->physical + SHMEM_PAGE);
}

/* The device has been reset, or a test wrote to the detach register itself: the region is gone without our doing. */
static void run_forget(struct call *call)
{
    struct region *region = region_selected(call);

    if (!region)
        return;
    region_close(region);
    json_number(&call->json, "handle", region_handle(region));
}

static bool handle_argument(struct call *call, uint64_t *handle)
{
    if (!call_number(call, 1, UINT64_MAX, handle))
        return false;
    if (*handle < HANDLES_MAX && regions[*handle].attached)
        return true;
    call_fail(call, FAIL_STATE, "no such handle", call->word[1]);
    return false;
}

static void run_use(struct call *call)
{
    uint64_t handle;

    if (!handle_argument(call, &handle))
        return;
    current = (unsigned)handle;
    json_number(&call->json, "handle", handle);
}

static void run_on(struct call *call)
{
    uint64_t handle;

    if (!handle_argument(call, &handle))
        return;
    call->handle_given = true;
    call->handle = (unsigned)handle;
    call->words -= 2;
    for (unsigned i = 0; i < call->words; i++)
        call->word[i] = call->word[i + 2];
    call_run(call);
}

static void run_handles(struct call *call)
{
    json_array(&call->json, "handles");
    for (unsigned i = 0; i < HANDLES_MAX; i++) {
        if (!regions[i].attached)
            continue;
        json_object(&call->json, NULL);
        json_number(&call->json, "handle", i);
        json_hex(&call->json, "factory", regions[i].device->physical);
        json_hex(&call->json, "control", regions[i].physical);
        json_number(&call->json, "size", regions[i].length / SHMEM_PAGE);
        json_bool(&call->json, "current", i == current);
        json_object_end(&call->json);
    }
    json_array_end(&call->json);
}

static void run_setname(struct call *call)
{
    struct device *device = device_selected(call);
    int length = device ? name_argument(call, 1) : -1;

    if (length < 0)
        return;
    name_write(device, call->word[1], (unsigned)length);
    json_number(&call->json, "bytes", (uint64_t)length);
}

static void run_status(struct call *call)
{
    struct region *region = region_selected(call);

    if (!region)
        return;
    json_hex(&call->json, "status", mmio_read(region->control + CONTROL_STATUS, 4));
    json_number(&call->json, "index", mmio_read(region->control + CONTROL_INDEX, 4));
}

static void run_factory(struct call *call)
{
    struct device *device = device_selected(call);
    uint8_t name[SHMEM_NAME_SIZE];
    struct outcome outcome;

    if (!device)
        return;
    outcome = outcome_read(device);
    for (unsigned i = 0; i < SHMEM_NAME_SIZE; i++)
        name[i] = (uint8_t)mmio_read(device->factory + FACTORY_NAME + i, 1);
    json_hex(&call->json, "signature", mmio_read(device->factory + FACTORY_SIGNATURE, 8));
    outcome_describe(&call->json, &outcome);
    json_bytes(&call->json, "name", name, sizeof name);
}

const struct command shmem_commands[] = {
    {"attach", "NAME PAGES", 2, 2, run_attach},
    {"detach", "[VALUE]", 0, 1, run_detach},
    {"mapping", "[normal|uncached]", 0, 1, run_mapping},
    {"forget", "", 0, 0, run_forget},
    {"use", "HANDLE", 1, 1, run_use},
    {"on", "HANDLE COMMAND [ARGUMENT...]", 2, COMMAND_WORDS, run_on},
    {"handles", "", 0, 0, run_handles},
    {"setname", "NAME", 1, 1, run_setname},
    {"status", "", 0, 0, run_status},
    {"factory", "", 0, 0, run_factory},
    {0},
};
