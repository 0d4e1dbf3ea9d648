/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same kind of work in several guests at the same time: each says in the region that it is there, waits for the others,
 * and then works for a given time. The first page of the data has a word of each client, in a cache line of its own; the
 * work is done behind it, or for comparison in private RAM of each guest.
 */
#include "loops.h"
#include "mmio.h"
#include "shmem.h"
#include "statistics.h"
#include "text.h"

enum { LINE = 64, HEADER = 4096, MILLISECOND = 1000000, LONGEST = 10000, TRIED = 1 << 18 };
#define PATIENCE_NS 20000000000ull /* a busy machine may start the last of sixteen guests so much later */

/* This guest is there; false when not all of the clients in PARTIES are, for long. */
static bool meet(const struct region *region, uint64_t parties, uint64_t session)
{
    uint64_t end = clock_now_ns() + PATIENCE_NS;
    unsigned own = (unsigned)mmio_read(region->control + CONTROL_INDEX, 4);

    __atomic_store_n((uint64_t *)(region->data + own % SHMEM_CLIENTS * LINE), session, __ATOMIC_SEQ_CST);
    for (unsigned client = 0; client < SHMEM_CLIENTS; client++) {
        const uint64_t *word = (const uint64_t *)(region->data + client * LINE);

        while (parties >> client & 1 && __atomic_load_n(word, __ATOMIC_SEQ_CST) != session)
            if (clock_now_ns() >= end)
                return false;
    }
    return true;
}

/* The words write|read|copy region|private BLOCK. */
static const struct work *wanted(struct call *call, const struct region *region, struct run *run)
{
    struct work *work = work_named(call->word[1]);
    char *memory = memory_private(region->physical + SHMEM_PAGE + HEADER, region->length);
    bool private = text_equal(call->word[2], "private");

    if (!work || (!private && !text_equal(call->word[2], "region"))) {
        call_fail(call, FAIL_USAGE, "the work is write, read or copy, the memory region or private", NULL);
        return NULL;
    }
    if (!memory || region->length <= HEADER) {
        call_fail(call, FAIL_LIMIT, "not as much private RAM, or a region of one page", NULL);
        return NULL;
    }
    work_choose(work, memory, region->length < TRIED ? region->length : TRIED);
    run->base = private ? memory : (char *)region->data + HEADER;
    run->span = run->total = region->length - HEADER;
    if (!call_number(call, 3, run->span / 2, &run->block))
        return NULL;
    if (run->block == 0 || run->block % LOOP_STEP) {
        call_fail(call, FAIL_USAGE, "block is a multiple of 64", call->word[3]);
        return NULL;
    }
    return work;
}

static void run_together(struct call *call)
{
    struct region *region = region_selected(call);
    uint64_t milliseconds, parties, session, start, now, passes = 0, kept;
    const struct work *work;
    struct run run = {0};

    if (!region || !call_timed(call) || !call_number(call, 4, LONGEST, &milliseconds) ||
        !call_number(call, 5, STATUS_PENDING, &parties) || !call_number(call, 6, UINT64_MAX, &session) ||
        !(work = wanted(call, region, &run)))
        return;
    run.total = (run.total + run.block - 1) / run.block * run.block;
    work_time(work, &run);
    if (!meet(region, parties, session)) {
        call_fail(call, FAIL_STATE, "not all of the others have come", NULL);
        return;
    }
    start = clock_now_ns();
    do {
        uint64_t time = work_time(work, &run);

        if (passes < SAMPLES_MAX)
            statistics_samples[passes] = time;
        passes++;
        now = clock_now_ns();
    } while (now - start < milliseconds * MILLISECOND);
    kept = passes < SAMPLES_MAX ? passes : SAMPLES_MAX;
    statistics_keep(kept);
    json_number(&call->json, "ns", now - start);
    json_number(&call->json, "bytes", passes * run.total);
    json_number(&call->json, "block", run.block);
    json_number(&call->json, "span", run.span);
    json_string(&call->json, "loop", work->best->name);
    json_object(&call->json, "passes");
    statistics_describe(&call->json, 0, 1, kept);
    json_object_end(&call->json);
}

const struct command together_commands[] = {
    {"together", "write|read|copy region|private BLOCK MILLISECONDS PARTIES SESSION", 6, 6, run_together},
    {0},
};
