/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Throughput of a region, and of private RAM by the same machine code. Blocks walk over a span again and again until
 * the total is reached; the span is as large for private RAM as for the region, so caches and TLBs see the same.
 */
#include "shmem.h"
#include "text.h"

enum { BLOCK_STEP = 64 };

typedef uint64_t vector __attribute__((vector_size(16)));

/* The image is built without vector registers (exceptions do not save them); these loops alone use them. */
#if defined(__aarch64__)
#define WITH_VECTORS __attribute__((target("+simd"), noinline))
#else
#define WITH_VECTORS __attribute__((target("sse2"), noinline))
#endif

struct run {
    char *base;
    uint64_t span, block, total;
};

WITH_VECTORS static void write_block(vector *to, const vector *end, uint64_t value)
{
    vector pattern = {value, value};

    for (; to < end; to += 4) {
        to[0] = pattern;
        to[1] = pattern;
        to[2] = pattern;
        to[3] = pattern;
    }
}

WITH_VECTORS static uint64_t read_block(const vector *from, const vector *end)
{
    vector sum = {0, 0};

    for (; from < end; from += 4)
        sum ^= from[0] ^ from[1] ^ from[2] ^ from[3];
    return sum[0] ^ sum[1];
}

WITH_VECTORS static void copy_block(vector *to, const vector *from, const vector *end)
{
    for (; from < end; from += 4, to += 4) {
        vector a = from[0], b = from[1], c = from[2], d = from[3];

        to[0] = a;
        to[1] = b;
        to[2] = c;
        to[3] = d;
    }
}

static void *at(const struct run *run, uint64_t offset)
{
    return run->base + offset;
}

static void run_writes(const struct run *run)
{
    for (uint64_t done = 0, offset = 0; done < run->total; done += run->block) {
        write_block(at(run, offset), at(run, offset + run->block), done);
        offset = offset + 2 * run->block > run->span ? 0 : offset + run->block;
        __asm__ volatile("" ::: "memory");
    }
}

static void run_reads(const struct run *run)
{
    for (uint64_t done = 0, offset = 0; done < run->total; done += run->block) {
        uint64_t sum = read_block(at(run, offset), at(run, offset + run->block));

        offset = offset + 2 * run->block > run->span ? 0 : offset + run->block;
        __asm__ volatile("" : : "r"(sum) : "memory");
    }
}

/* From the first half of the span to the second. */
static void run_copies(const struct run *run)
{
    uint64_t half = run->span / 2;

    for (uint64_t done = 0, offset = 0; done < run->total; done += run->block) {
        copy_block(at(run, half + offset), at(run, offset), at(run, offset + run->block));
        offset = offset + 2 * run->block > half ? 0 : offset + run->block;
        __asm__ volatile("" ::: "memory");
    }
}

typedef void loop(const struct run *run);

static loop *loop_named(const char *name)
{
    if (text_equal(name, "write"))
        return run_writes;
    if (text_equal(name, "read"))
        return run_reads;
    return text_equal(name, "copy") ? run_copies : NULL;
}

/* The memory that the words mean: region, or as much private RAM as the region has (or as SPAN says). */
static bool memory_named(struct call *call, struct run *run)
{
    bool private = text_equal(call->word[2], "private");
    struct region *region = NULL;
    uint64_t span, limit;

    if (!private && !text_equal(call->word[2], "region")) {
        call_fail(call, FAIL_USAGE, "memory is region or private", call->word[2]);
        return false;
    }
    if (!private || call->words < 6) {
        region = region_selected(call);
        if (!region)
            return false;
    }
    run->base = private ? memory_private(&limit) : (char *)region->data;
    if (!private)
        limit = region->length;
    span = region ? region->length : 0;
    if (call->words > 5 && !call_number(call, 5, limit, &span))
        return false;
    if (span > limit) {
        call_fail(call, FAIL_LIMIT, "the guest has not as much private RAM as the region is long", NULL);
        return false;
    }
    run->span = span / BLOCK_STEP * BLOCK_STEP;
    return true;
}

static void run_bench(struct call *call)
{
    loop *body = loop_named(call->word[1]);
    struct run run = {0};
    uint64_t start, limit;

    if (!body) {
        call_fail(call, FAIL_USAGE, "the work is write, read or copy", call->word[1]);
        return;
    }
    if (!memory_named(call, &run))
        return;
    limit = body == run_copies ? run.span / 2 : run.span;
    if (!call_number(call, 3, limit, &run.block) || !call_number(call, 4, UINT64_MAX / 2, &run.total))
        return;
    if (run.block == 0 || run.block % BLOCK_STEP || run.total == 0) {
        call_fail(call, FAIL_USAGE, "block is a multiple of 64 and nothing is 0", call->word[3]);
        return;
    }
    run.total = (run.total + run.block - 1) / run.block * run.block;
    /* Once over the span beforehand: first touches cost page faults in the host, which are not what is measured. */
    body(&(struct run){.base = run.base, .span = run.span, .block = run.block, .total = run.span});
    start = clock_now_ns();
    body(&run);
    json_number(&call->json, "ns", clock_now_ns() - start);
    json_number(&call->json, "bytes", run.total);
    json_number(&call->json, "block", run.block);
    json_number(&call->json, "span", run.span);
}

const struct command bench_commands[] = {
    {"bench", "write|read|copy region|private BLOCK TOTAL [SPAN]", 4, 5, run_bench},
    {0},
};
