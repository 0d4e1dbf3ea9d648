/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Throughput of a region, and of private RAM by the same machine code. Blocks walk over a span again and again until
 * the total is reached; the span is as large for private RAM as for the region, so caches and TLBs see the same.
 */
#include "shmem.h"
#include "statistics.h"
#include "text.h"

enum { BLOCK_STEP = 64, PIECES_MAX = 4096 };

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

/*
 * From the first half of the span to the second, which is walked backwards: at a constant distance, source and target
 * would again and again compete for the same place in a direct-mapped TLB.
 */
static void run_copies(const struct run *run)
{
    uint64_t half = run->span / 2 / BLOCK_STEP * BLOCK_STEP;

    for (uint64_t done = 0, offset = 0; done < run->total; done += run->block) {
        copy_block(at(run, 2 * half - offset - run->block), at(run, offset), at(run, offset + run->block));
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
    uint64_t span;

    if (!private && !text_equal(call->word[2], "region")) {
        call_fail(call, FAIL_USAGE, "memory is region or private", call->word[2]);
        return false;
    }
    if (!private || call->words < 6) {
        region = region_selected(call);
        if (!region)
            return false;
    }
    span = region ? region->length : 0;
    if (call->words > 5 && !call_number(call, 5, private ? UINT32_MAX : span, &span))
        return false;
    run->span = span / BLOCK_STEP * BLOCK_STEP;
    run->base = private ? memory_private(region ? region->physical + SHMEM_PAGE : 0, span) : (char *)region->data;
    if (!run->base)
        call_fail(call, FAIL_LIMIT, "the guest has not as much private RAM", NULL);
    return run->base;
}

/* Block and total from the words FIRST and FIRST + 1. */
static bool amount(struct call *call, unsigned first, loop *body, struct run *run)
{
    uint64_t limit = body == run_copies ? run->span / 2 : run->span;

    if (!call_number(call, first, limit, &run->block) || !call_number(call, first + 1, UINT64_MAX / 2, &run->total))
        return false;
    if (run->block == 0 || run->block % BLOCK_STEP || run->total == 0) {
        call_fail(call, FAIL_USAGE, "block is a multiple of 64 and nothing is 0", call->word[first]);
        return false;
    }
    run->total = (run->total + run->block - 1) / run->block * run->block;
    return true;
}

/* Once over the span: first touches cost page faults in the host, which are not what is measured. */
static void warm_up(loop *body, struct run run)
{
    run.total = run.span;
    body(&run);
}

static uint64_t time_of(loop *body, const struct run *run)
{
    uint64_t start = clock_now_ns();

    body(run);
    return clock_now_ns() - start;
}

static void describe(struct json *json, const struct run *run)
{
    json_number(json, "bytes", run->total);
    json_number(json, "block", run->block);
    json_number(json, "span", run->span);
}

static bool work_named(struct call *call, loop **body)
{
    *body = loop_named(call->word[1]);
    if (!*body)
        call_fail(call, FAIL_USAGE, "the work is write, read or copy", call->word[1]);
    return *body;
}

static void run_bench(struct call *call)
{
    struct run run = {0};
    loop *body;

    if (!call_timed(call) || !work_named(call, &body) || !memory_named(call, &run) || !amount(call, 3, body, &run))
        return;
    warm_up(body, run);
    json_number(&call->json, "ns", time_of(body, &run));
    describe(&call->json, &run);
}

/* Region and private RAM by turns in short pieces, so that what else the machine does hits both alike. */
static void run_compare(struct call *call)
{
    static uint64_t samples[2][PIECES_MAX];
    struct region *region = region_selected(call);
    struct run run[2] = {0};
    uint64_t count;
    loop *body;

    if (!region || !call_timed(call) || !work_named(call, &body))
        return;
    run[0].base = (char *)region->data;
    run[0].span = region->length;
    if (!amount(call, 2, body, &run[0]) || !call_number(call, 4, PIECES_MAX, &count))
        return;
    run[1] = run[0];
    run[1].base = memory_private(region->physical + SHMEM_PAGE, region->length);
    if (!run[1].base || count == 0) {
        call_fail(call, FAIL_LIMIT, "not as much private RAM, or no piece at all", NULL);
        return;
    }
    warm_up(body, run[0]);
    warm_up(body, run[1]);
    for (uint64_t i = 0; i < count; i++) {
        samples[i % 2][i] = time_of(body, &run[i % 2]);
        samples[(i + 1) % 2][i] = time_of(body, &run[(i + 1) % 2]);
    }
    describe(&call->json, &run[0]);
    json_object(&call->json, "region");
    statistics_describe(&call->json, samples[0], count);
    json_object_end(&call->json);
    json_object(&call->json, "private");
    statistics_describe(&call->json, samples[1], count);
    json_object_end(&call->json);
}

const struct command bench_commands[] = {
    {"bench", "write|read|copy region|private BLOCK TOTAL [SPAN]", 4, 5, run_bench},
    {"compare", "write|read|copy BLOCK BYTES COUNT", 4, 4, run_compare},
    {0},
};
