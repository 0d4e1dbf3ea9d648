/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each kind of work is there in two ways: with vector registers, and with general ones. A processor is quicker with the
 * former; an emulated one may be quicker with the latter, because its vector registers are memory of the emulator. The
 * instructions are written out: what a compiler makes of a loop in C has cost up to five times of what the memory takes.
 */
#include "loops.h"
#include "platform.h"
#include "text.h"

enum { TRIALS = 31 };

/*
 * No loop lies across the border of two pages of code: QEMU's software emulation does not join what it has translated of
 * two pages, and a copy came to 2.4 instead of 5.7 GB/s when the linker happened to place it so.
 */
#define ONE_PAGE noinline, aligned(256)

/* The image is built without vector registers (exceptions do not save them); these loops alone use them. */
#if defined(__aarch64__)
#define WITH_VECTORS __attribute__((target("+simd"), ONE_PAGE))
#define VECTORS "v0", "v1", "v2", "v3", "memory"
#define WORDS "x9", "x10", "x11", "x12", "memory"
#define VECTOR_WRITE "stp q0, q0, [%0]\n stp q0, q0, [%0, 32]"
#define VECTOR_READ "ldp q0, q1, [%0]\n ldp q2, q3, [%0, 32]"
#define VECTOR_COPY                                                                                                    \
    "ldr q0, [%0]\n str q0, [%1]\n ldr q1, [%0, 16]\n str q1, [%1, 16]\n"                                              \
    "ldr q2, [%0, 32]\n str q2, [%1, 32]\n ldr q3, [%0, 48]\n str q3, [%1, 48]"
#define WORD_WRITE                                                                                                     \
    "stp xzr, xzr, [%0]\n stp xzr, xzr, [%0, 16]\n stp xzr, xzr, [%0, 32]\n stp xzr, xzr, [%0, 48]"
#define WORD_READ "ldp x9, x10, [%0]\n ldp x11, x12, [%0, 16]\n ldp x9, x10, [%0, 32]\n ldp x11, x12, [%0, 48]"
#define WORD_COPY                                                                                                      \
    "ldr x9, [%0]\n str x9, [%1]\n ldr x10, [%0, 8]\n str x10, [%1, 8]\n"                                              \
    "ldr x9, [%0, 16]\n str x9, [%1, 16]\n ldr x10, [%0, 24]\n str x10, [%1, 24]\n"                                    \
    "ldr x9, [%0, 32]\n str x9, [%1, 32]\n ldr x10, [%0, 40]\n str x10, [%1, 40]\n"                                    \
    "ldr x9, [%0, 48]\n str x9, [%1, 48]\n ldr x10, [%0, 56]\n str x10, [%1, 56]"
#else
#define WITH_VECTORS __attribute__((target("sse2"), ONE_PAGE))
#define VECTORS "xmm0", "xmm1", "xmm2", "xmm3", "memory"
#define WORDS "rax", "memory"
#define VECTOR_WRITE                                                                                                   \
    "movdqa %%xmm0, (%0)\n movdqa %%xmm0, 16(%0)\n movdqa %%xmm0, 32(%0)\n movdqa %%xmm0, 48(%0)"
#define VECTOR_READ                                                                                                    \
    "movdqa (%0), %%xmm0\n movdqa 16(%0), %%xmm1\n movdqa 32(%0), %%xmm2\n movdqa 48(%0), %%xmm3"
#define VECTOR_COPY                                                                                                    \
    "movdqa (%0), %%xmm0\n movdqa 16(%0), %%xmm1\n movdqa 32(%0), %%xmm2\n movdqa 48(%0), %%xmm3\n"                    \
    "movdqa %%xmm0, (%1)\n movdqa %%xmm1, 16(%1)\n movdqa %%xmm2, 32(%1)\n movdqa %%xmm3, 48(%1)"
#define WORD_WRITE                                                                                                     \
    "mov %%rax, (%0)\n mov %%rax, 8(%0)\n mov %%rax, 16(%0)\n mov %%rax, 24(%0)\n"                                     \
    "mov %%rax, 32(%0)\n mov %%rax, 40(%0)\n mov %%rax, 48(%0)\n mov %%rax, 56(%0)"
#define WORD_READ                                                                                                      \
    "mov (%0), %%rax\n mov 8(%0), %%rax\n mov 16(%0), %%rax\n mov 24(%0), %%rax\n"                                     \
    "mov 32(%0), %%rax\n mov 40(%0), %%rax\n mov 48(%0), %%rax\n mov 56(%0), %%rax"
#define WORD_COPY                                                                                                      \
    "mov (%0), %%rax\n mov %%rax, (%1)\n mov 8(%0), %%rax\n mov %%rax, 8(%1)\n"                                        \
    "mov 16(%0), %%rax\n mov %%rax, 16(%1)\n mov 24(%0), %%rax\n mov %%rax, 24(%1)\n"                                  \
    "mov 32(%0), %%rax\n mov %%rax, 32(%1)\n mov 40(%0), %%rax\n mov %%rax, 40(%1)\n"                                  \
    "mov 48(%0), %%rax\n mov %%rax, 48(%1)\n mov 56(%0), %%rax\n mov %%rax, 56(%1)"
#endif

WITH_VECTORS static void write_vectors(void *to, const void *from, uint64_t length)
{
    (void)from;
    for (char *at = to, *end = at + length; at < end; at += LOOP_STEP)
        __asm__ volatile(VECTOR_WRITE : : "r"(at) : VECTORS);
}

WITH_VECTORS static void read_vectors(void *to, const void *from, uint64_t length)
{
    (void)to;
    for (const char *at = from, *end = at + length; at < end; at += LOOP_STEP)
        __asm__ volatile(VECTOR_READ : : "r"(at) : VECTORS);
}

WITH_VECTORS static void copy_vectors(void *to, const void *from, uint64_t length)
{
    char *target = to;

    for (const char *at = from, *end = at + length; at < end; at += LOOP_STEP, target += LOOP_STEP)
        __asm__ volatile(VECTOR_COPY : : "r"(at), "r"(target) : VECTORS);
}

__attribute__((ONE_PAGE)) static void write_words(void *to, const void *from, uint64_t length)
{
    (void)from;
    for (char *at = to, *end = at + length; at < end; at += LOOP_STEP)
        __asm__ volatile(WORD_WRITE : : "r"(at) : WORDS);
}

__attribute__((ONE_PAGE)) static void read_words(void *to, const void *from, uint64_t length)
{
    (void)to;
    for (const char *at = from, *end = at + length; at < end; at += LOOP_STEP)
        __asm__ volatile(WORD_READ : : "r"(at) : WORDS);
}

__attribute__((ONE_PAGE)) static void copy_words(void *to, const void *from, uint64_t length)
{
    char *target = to;

    for (const char *at = from, *end = at + length; at < end; at += LOOP_STEP, target += LOOP_STEP)
        __asm__ volatile(WORD_COPY : : "r"(at), "r"(target) : WORDS);
}

__attribute__((ONE_PAGE)) static void write_few(void *to, const void *from, uint64_t length)
{
    (void)from;
    for (volatile uint64_t *at = to, *end = at + length / LOOP_WORD; at < end; at++)
        *at = length;
}

__attribute__((ONE_PAGE)) static void read_few(void *to, const void *from, uint64_t length)
{
    (void)to;
    for (const volatile uint64_t *at = from, *end = at + length / LOOP_WORD; at < end; at++)
        (void)*at;
}

__attribute__((ONE_PAGE)) static void copy_few(void *to, const void *from, uint64_t length)
{
    volatile uint64_t *target = to;

    for (const volatile uint64_t *at = from, *end = at + length / LOOP_WORD; at < end; at++)
        *target++ = *at;
}

static struct work works[] = {
    {"write", false, {{"vectors", write_vectors}, {"words", write_words}}, write_few, NULL},
    {"read", false, {{"vectors", read_vectors}, {"words", read_words}}, read_few, NULL},
    {"copy", true, {{"vectors", copy_vectors}, {"words", copy_words}}, copy_few, NULL},
};

struct work *work_named(const char *name)
{
    for (struct work *work = works; work < works + sizeof works / sizeof *works; work++)
        if (text_equal(work->name, name))
            return work;
    return NULL;
}

/*
 * A copy goes to the second half of the span, which is walked backwards: at a constant distance, source and target would
 * again and again compete for the same place in a direct-mapped TLB.
 */
static uint64_t reach_of(const struct run *run, bool copies)
{
    return copies ? run->span / 2 / LOOP_STEP * LOOP_STEP : run->span;
}

static void move_block(const struct run *run, mover *move, bool copies, uint64_t reach, uint64_t offset)
{
    char *from = run->base + offset, *to = copies ? run->base + 2 * reach - offset - run->block : from;

    move(to, from, run->block);
}

static void walk(const struct run *run, mover *move, bool copies)
{
    uint64_t reach = reach_of(run, copies);

    for (uint64_t done = 0, offset = 0; done < run->total; done += run->block) {
        move_block(run, move, copies, reach, offset);
        offset = offset + 2 * run->block > reach ? 0 : offset + run->block;
    }
}

/*
 * A permutation of the numbers of BITS bits, by steps each of which can be undone. It is computed: a table of it would have
 * a place in the caches and the TLB that are measured.
 */
struct order {
    unsigned bits;
    uint64_t factor, offset;
};

static struct order order_of(uint64_t seed, uint64_t blocks)
{
    const uint64_t golden = 0x9e3779b97f4a7c15ull;
    struct order order = {.offset = seed * golden ^ seed >> 32};

    order.factor = ((order.offset ^ order.offset >> 29) * golden >> 16) | 1;
    while (blocks > 1ull << order.bits)
        order.bits++;
    return order;
}

static uint64_t in_order(const struct order *order, uint64_t number)
{
    uint64_t mask = (1ull << order->bits) - 1;
    unsigned half = (order->bits + 1) / 2;

    for (unsigned step = 0; step < 2; step++) {
        number = (number * order->factor + order->offset) & mask;
        number ^= number >> half;
    }
    return number;
}

/* Numbers beyond the last block, of which there are fewer than of blocks, are passed over. */
static void jump(struct run *run, mover *move, bool copies)
{
    uint64_t reach = reach_of(run, copies), blocks = reach / run->block;
    struct order order = order_of(run->seed, blocks);

    for (uint64_t done = 0; done < run->total; run->position++) {
        uint64_t number = in_order(&order, run->position);

        if (number >= blocks)
            continue;
        move_block(run, move, copies, reach, number * run->block);
        done += run->block;
    }
}

static uint64_t time_of(struct run *run, mover *move, bool copies)
{
    uint64_t start = clock_now_ns();

    if (run->seed)
        jump(run, move, copies);
    else
        walk(run, move, copies);
    return clock_now_ns() - start;
}

/*
 * The least of many short times, by turns: what else the machine does makes a way slower and never quicker, and hardly so
 * each time. A wrong choice would be a wrong figure.
 */
void work_choose(struct work *work, char *scratch, uint64_t length)
{
    struct run run = {.base = scratch, .span = length, .block = length / 2, .total = length};
    uint64_t least[2] = {UINT64_MAX, UINT64_MAX};

    if (work->best || length < 2 * LOOP_STEP)
        return;
    run.block -= run.block % LOOP_STEP;
    for (unsigned trial = 0; trial < 2 * TRIALS; trial++) {
        uint64_t time = time_of(&run, work->ways[trial % 2].move, work->copies);

        if (time < least[trial % 2])
            least[trial % 2] = time;
    }
    work->best = &work->ways[least[1] < least[0]];
}

uint64_t work_time(const struct work *work, struct run *run)
{
    return time_of(run, run->block < LOOP_STEP ? work->small : work->best->move, work->copies);
}
