/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Throughput of a region, and of private RAM by the same machine code. The span is as large for private RAM as for the
 * region, so caches and TLBs see the same.
 */
#include "ivshmem.h"
#include "loops.h"
#include "shmem.h"
#include "statistics.h"
#include "text.h"

enum { PIECES_MAX = 4096, TRIED = 1 << 18, LARGE = 4096 };

/* Memory that is shared, and where it is: private RAM that is compared with it has the same page sizes. */
struct memory {
    char *base;
    uint64_t physical, length;
};

/* The current region, as what private RAM is compared with too; with NAME "ivshmem" the memory of that device. */
static bool shared_named(struct call *call, const char *name, struct memory *memory)
{
    struct region *region;

    if (text_equal(name, "ivshmem"))
        return ivshmem_memory(call, &memory->base, &memory->physical, &memory->length);
    if (!text_equal(name, "region") && !text_equal(name, "private")) {
        call_fail(call, FAIL_USAGE, "memory is region, private or ivshmem", name);
        return false;
    }
    region = region_selected(call);
    if (!region)
        return false;
    *memory = (struct memory){(char *)region->data, region->physical + SHMEM_PAGE, region->length};
    return true;
}

/* The memory that the words mean: shared memory, or as much private RAM as the region has (or as SPAN says). */
static bool memory_named(struct call *call, struct run *run)
{
    bool private = text_equal(call->word[2], "private");
    struct memory memory = {0};
    uint64_t span;

    if ((!private || call->words < 6) && !shared_named(call, call->word[2], &memory))
        return false;
    span = memory.length;
    if (call->words > 5 && !call_number(call, 5, private ? UINT32_MAX : span, &span))
        return false;
    run->span = span / LOOP_STEP * LOOP_STEP;
    run->base = private ? memory_private(memory.physical, span) : memory.base;
    if (!run->base)
        call_fail(call, FAIL_LIMIT, "the guest has not as much private RAM", NULL);
    return run->base;
}

/* Block and total from the words FIRST and FIRST + 1. */
static bool amount(struct call *call, unsigned first, const struct work *work, struct run *run)
{
    uint64_t limit = work->copies ? run->span / 2 : run->span;

    if (!call_number(call, first, limit, &run->block) || !call_number(call, first + 1, UINT64_MAX / 2, &run->total))
        return false;
    if (run->block == 0 || run->block % (run->block < LOOP_STEP ? LOOP_WORD : LOOP_STEP) || run->total == 0) {
        call_fail(call, FAIL_USAGE, "block is a multiple of 64, below 64 of 8, and nothing is 0", call->word[first]);
        return false;
    }
    run->total = (run->total + run->block - 1) / run->block * run->block;
    return true;
}

/* The order of the blocks from a word that may be missing; the seed 0 is none. */
static bool order(struct call *call, unsigned word, struct run *run)
{
    return call->words <= word || call_number(call, word, UINT32_MAX, &run->seed);
}

/* Once over the span: first touches cost page faults in the host, which are not what is measured. */
static void warm_up(const struct work *work, struct run run)
{
    run.total = run.span;
    run.seed = 0;
    if (run.block < LARGE && run.span >= 2 * LARGE)
        run.block = LARGE;
    work_time(work, &run);
}

static void describe(struct json *json, const struct work *work, const struct run *run)
{
    json_number(json, "bytes", run->total);
    json_number(json, "block", run->block);
    json_number(json, "span", run->span);
    json_number(json, "seed", run->seed);
    json_number(json, "place", run->position);
    json_string(json, "loop", run->block < LOOP_STEP ? "single words" : work->best->name);
}

/* The work that the command names, in the way that is the fastest here; NULL, and the call has failed. */
static const struct work *work_wanted(struct call *call)
{
    struct work *work = work_named(call->word[1]);
    char *scratch;

    if (!call_timed(call))
        return NULL;
    if (!work) {
        call_fail(call, FAIL_USAGE, "the work is write, read or copy", call->word[1]);
        return NULL;
    }
    scratch = memory_private(0, TRIED);
    if (scratch)
        work_choose(work, scratch, TRIED);
    if (!work->best)
        call_fail(call, FAIL_LIMIT, "the guest has not as much private RAM", NULL);
    return work->best ? work : NULL;
}

static void run_bench(struct call *call)
{
    const struct work *work = work_wanted(call);
    struct run run = {0};

    if (!work || !memory_named(call, &run) || !amount(call, 3, work, &run) || !order(call, 6, &run))
        return;
    warm_up(work, run);
    json_number(&call->json, "ns", work_time(work, &run));
    describe(&call->json, work, &run);
}

/*
 * Shared memory and private RAM by turns in short pieces, so that what else the machine does hits both alike. The kept
 * samples are pairs of these two.
 */
static void run_compare(struct call *call)
{
    struct run run[2] = {0};
    struct memory memory;
    const struct work *work;
    uint64_t count;

    if (!shared_named(call, call->words > 5 ? call->word[5] : "region", &memory) || !(work = work_wanted(call)))
        return;
    run[0].base = memory.base;
    run[0].span = memory.length;
    if (!amount(call, 2, work, &run[0]) || !call_number(call, 4, PIECES_MAX, &count) || !order(call, 6, &run[0]))
        return;
    run[1] = run[0];
    run[1].base = memory_private(memory.physical, memory.length);
    if (!run[1].base || count == 0) {
        call_fail(call, FAIL_LIMIT, "not as much private RAM, or no piece at all", NULL);
        return;
    }
    warm_up(work, run[0]);
    warm_up(work, run[1]);
    for (uint64_t i = 0; i < count; i++) {
        statistics_samples[2 * i + i % 2] = work_time(work, &run[i % 2]);
        statistics_samples[2 * i + (i + 1) % 2] = work_time(work, &run[(i + 1) % 2]);
    }
    statistics_keep(2 * count);
    describe(&call->json, work, &run[0]);
    statistics_describe_half(&call->json, "region", 0, count);
    statistics_describe_half(&call->json, "private", 1, count);
}

const struct command bench_commands[] = {
    {"bench", "write|read|copy region|private|ivshmem BLOCK TOTAL [SPAN [SEED]]", 4, 6, run_bench},
    {"compare", "write|read|copy BLOCK BYTES COUNT [region|ivshmem [SEED]]", 4, 6, run_compare},
    {0},
};
