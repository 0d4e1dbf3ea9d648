/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests for many names, each a real one: the name is written, then the size, the status is read, and a region that
 * is granted is looked at and left at once. The answer is a digest; the verdicts are kept until the next such command.
 */
#include "crc32.h"
#include "mmio.h"
#include "name_list.h"
#include "shmem.h"
#include "text.h"

enum {
    VERDICTS_MAX = 8192,
    TOLD_MAX = 3500,              /* verdicts in one answer */
    TIMES_MAX = 4,
    STATUS_LARGE = 0xff,          /* a status that needs more than a byte */
    MET_NOBODY = 0,               /* the region has no mark */
    MET_NO_PAGE = 0xff,           /* granted, but shmem holds no address of a page that can be mapped */
};

/* What was answered: the status, and the number in the mark of the region. */
struct verdict {
    uint8_t status, met;
};

static struct verdict verdicts[VERDICTS_MAX];
static unsigned verdict_count, granted;

/* How the name gets into its register. */
enum writing {
    WRITING_NUL,                  /* its bytes, and a NUL where there is room */
    WRITING_BARE,                 /* its bytes alone: what was behind them stays */
    WRITING_WHOLE,                /* all 32 bytes, with zeros behind the name */
    WRITING_CHANGES,              /* those of the 32 bytes that are not what was written for the name before */
};

struct asking {
    struct call *call;
    struct device *device;
    enum writing writing;
    unsigned width;               /* bytes of a store to the register, at most */
    uint32_t pages;
    uint64_t times;
    uint64_t mark;                /* a region whose data begins with this, but for the low byte, is marked */
    bool written;                 /* the register holds SHADOW */
    uint8_t shadow[SHMEM_NAME_SIZE];
    uint64_t shown;               /* physical address of the control page that is mapped; 0: none */
    volatile uint8_t *control;
    volatile uint64_t *data;
};

static uint64_t value_of(const uint8_t *bytes, unsigned width)
{
    uint64_t value = 0;

    for (unsigned i = width; i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

/* How many bytes the next store takes: as many as the width allows, aligned as such a store has to be. */
static unsigned store_width(const struct asking *asking, unsigned at, unsigned left)
{
    unsigned width = asking->width;

    while (width > left || (FACTORY_NAME + at) % width)
        width /= 2;
    return width;
}

/* LENGTH bytes from the beginning of the register on. */
static void bytes_write(struct asking *asking, const uint8_t *bytes, unsigned length)
{
    volatile uint8_t *name = asking->device->factory + FACTORY_NAME;

    for (unsigned at = 0, width; at < length; at += width) {
        uint64_t value;

        width = store_width(asking, at, length - at);
        value = value_of(bytes + at, width);
        if (asking->writing != WRITING_CHANGES || !asking->written || value != value_of(asking->shadow + at, width))
            mmio_write(name + at, width, value);
    }
}

static void put_name(struct asking *asking, const uint8_t *name, unsigned length)
{
    uint8_t whole[SHMEM_NAME_SIZE] = {0};

    for (unsigned i = 0; i < length; i++)
        whole[i] = name[i];
    if (asking->writing == WRITING_NUL && length < SHMEM_NAME_SIZE)
        length++;
    else if (asking->writing == WRITING_WHOLE || asking->writing == WRITING_CHANGES)
        length = SHMEM_NAME_SIZE;
    bytes_write(asking, whole, length);
    for (unsigned i = 0; i < SHMEM_NAME_SIZE; i++)
        asking->shadow[i] = whole[i];
    asking->written = true;
}

static void pages_unmap(struct asking *asking)
{
    if (!asking->shown)
        return;
    memory_unmap((void *)asking->data, SHMEM_PAGE, MEMORY_NORMAL);
    memory_unmap((void *)asking->control, SHMEM_PAGE, MEMORY_DEVICE);
    asking->shown = 0;
}

/* Regions come and go at few places, so what is mapped stays until another place is needed. */
static bool pages_map(struct asking *asking, uint64_t physical)
{
    if (asking->shown == physical)
        return physical != 0;
    pages_unmap(asking);
    if (physical == 0 || physical % SHMEM_PAGE)
        return false;
    asking->control = memory_map(physical, SHMEM_PAGE, MEMORY_DEVICE);
    if (!asking->control)
        return false;
    asking->data = memory_map(physical + SHMEM_PAGE, SHMEM_PAGE, MEMORY_NORMAL);
    if (!asking->data) {
        memory_unmap((void *)asking->control, SHMEM_PAGE, MEMORY_DEVICE);
        return false;
    }
    asking->shown = physical;
    return true;
}

/* Looks at the region that was granted, and leaves it. */
static uint8_t leave(struct asking *asking)
{
    uint64_t word;

    if (!pages_map(asking, mmio_read(asking->device->factory + FACTORY_SHMEM, 8)))
        return MET_NO_PAGE;
    word = *asking->data;
    mmio_write(asking->control + CONTROL_DETACH, 4, 1);
    return asking->mark && (word ^ asking->mark) >> 8 == 0 ? (uint8_t)word : MET_NOBODY;
}

static bool ask(void *context, const uint8_t *name, unsigned length)
{
    struct asking *asking = context;

    if (verdict_count + asking->times > VERDICTS_MAX) {
        call_fail(asking->call, FAIL_LIMIT, "more verdicts than this guest can keep", NULL);
        return false;
    }
    put_name(asking, name, length);
    for (uint64_t i = 0; i < asking->times; i++) {
        struct verdict *verdict = &verdicts[verdict_count];
        uint32_t status;

        mmio_write(asking->device->factory + FACTORY_SIZE, 4, asking->pages);
        status = (uint32_t)mmio_read(asking->device->factory + FACTORY_STATUS, 4);
        verdict->status = status < STATUS_LARGE ? (uint8_t)status : STATUS_LARGE;
        verdict->met = status == 0 ? leave(asking) : MET_NOBODY;
        granted += status == 0;
        verdict_count++;
    }
    return true;
}

static bool writing_named(struct call *call, unsigned word, enum writing *writing)
{
    static const char *const names[] = {"nul", "bare", "whole", "changes"};

    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (text_equal(call->word[word], names[i])) {
            *writing = (enum writing)i;
            return true;
        }
    call_fail(call, FAIL_USAGE, "writing is nul, bare, whole or changes", call->word[word]);
    return false;
}

static void run_names(struct call *call)
{
    struct asking asking = {.call = call, .device = device_selected(call)};
    uint64_t pages, width, start;
    bool done;

    if (!asking.device || !call_number(call, 1, UINT32_MAX, &pages) || !writing_named(call, 2, &asking.writing) ||
        !call_number(call, 3, 8, &width) || !call_number(call, 4, TIMES_MAX, &asking.times) ||
        !call_number(call, 5, UINT64_MAX, &asking.mark))
        return;
    if (!mmio_width_valid(width)) {
        call_fail(call, FAIL_USAGE, "width is 1, 2, 4 or 8", call->word[3]);
        return;
    }
    asking.width = (unsigned)width;
    asking.pages = (uint32_t)pages;
    verdict_count = granted = 0;
    start = clock_now_ns();
    done = name_list_walk(call, call->word[6], ask, &asking);
    pages_unmap(&asking);
    if (!done)
        return;
    json_number(&call->json, "verdicts", verdict_count);
    json_number(&call->json, "granted", granted);
    json_hex(&call->json, "crc32", crc32(0, verdicts, verdict_count * sizeof *verdicts));
    json_number(&call->json, "ns", clock_now_ns() - start);
}

static void run_verdicts(struct call *call)
{
    uint64_t first, count;

    if (!call_number(call, 1, verdict_count, &first) || !call_number(call, 2, TOLD_MAX, &count))
        return;
    if (count > verdict_count - first)
        count = verdict_count - first;
    json_bytes(&call->json, "verdicts", verdicts + first, count * sizeof *verdicts);
}

const struct command name_commands[] = {
    {"names", "PAGES nul|bare|whole|changes WIDTH TIMES MARK ITEMS", 6, 6, run_names},
    {"verdicts", "FIRST COUNT", 2, 2, run_verdicts},
    {0},
};
