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
#define ONE_PAGE noinline, aligned(1024)

/* The image is built without vector registers (exceptions do not save them); these loops alone use them. */
#if defined(__aarch64__)
#define WITH_VECTORS __attribute__((target("+simd"), ONE_PAGE))
#define VECTORS "v0", "v1", "v2", "v3", "memory"
#define WORDS "x9", "x10", "x11", "x12", "memory"
#define VECTOR_WRITE(at) "stp q0, q0, [%1, " #at "]\n stp q0, q0, [%1, " #at "+32]\n"
#define VECTOR_READ(at) "ldp q0, q1, [%0, " #at "]\n ldp q2, q3, [%0, " #at "+32]\n"
#define VECTOR_COPY(at)                                                                                                \
    "ldr q0, [%0, " #at "]\n str q0, [%1, " #at "]\n ldr q1, [%0, " #at "+16]\n str q1, [%1, " #at "+16]\n"            \
    "ldr q2, [%0, " #at "+32]\n str q2, [%1, " #at "+32]\n ldr q3, [%0, " #at "+48]\n str q3, [%1, " #at "+48]\n"
#define WORD_WRITE(at)                                                                                                 \
    "stp xzr, xzr, [%1, " #at "]\n stp xzr, xzr, [%1, " #at "+16]\n"                                                   \
    "stp xzr, xzr, [%1, " #at "+32]\n stp xzr, xzr, [%1, " #at "+48]\n"
#define WORD_READ(at)                                                                                                  \
    "ldp x9, x10, [%0, " #at "]\n ldp x11, x12, [%0, " #at "+16]\n"                                                    \
    "ldp x9, x10, [%0, " #at "+32]\n ldp x11, x12, [%0, " #at "+48]\n"
#define COPIED_WORD(at) "ldr x9, [%0, " #at "]\n str x9, [%1, " #at "]\n"
#else
#define WITH_VECTORS __attribute__((target("sse2"), ONE_PAGE))
#define VECTORS "xmm0", "xmm1", "xmm2", "xmm3", "memory"
#define WORDS "rax", "memory"
#define VECTOR_WRITE(at)                                                                                               \
    "movdqa %%xmm0, " #at "(%1)\n movdqa %%xmm0, " #at "+16(%1)\n"                                                     \
    "movdqa %%xmm0, " #at "+32(%1)\n movdqa %%xmm0, " #at "+48(%1)\n"
#define VECTOR_READ(at)                                                                                                \
    "movdqa " #at "(%0), %%xmm0\n movdqa " #at "+16(%0), %%xmm1\n"                                                     \
    "movdqa " #at "+32(%0), %%xmm2\n movdqa " #at "+48(%0), %%xmm3\n"
#define VECTOR_COPY(at)                                                                                                \
    VECTOR_READ(at)                                                                                                    \
    "movdqa %%xmm0, " #at "(%1)\n movdqa %%xmm1, " #at "+16(%1)\n"                                                     \
    "movdqa %%xmm2, " #at "+32(%1)\n movdqa %%xmm3, " #at "+48(%1)\n"
#define WRITTEN_WORD(at) "mov %%rax, " #at "(%1)\n"
#define READ_WORD(at) "mov " #at "(%0), %%rax\n"
#define WORD_WRITE(at) EIGHT(WRITTEN_WORD, at)
#define WORD_READ(at) EIGHT(READ_WORD, at)
#define COPIED_WORD(at) "mov " #at "(%0), %%rax\n mov %%rax, " #at "(%1)\n"
#endif
#define EIGHT(word, at)                                                                                                \
    word(at) word(at + 8) word(at + 16) word(at + 24) word(at + 32) word(at + 40) word(at + 48) word(at + 56)
#define WORD_COPY(at) EIGHT(COPIED_WORD, at)

/*
 * A step moves the 64 bytes at a distance from %0, the source, and %1, the target. Most of the work is done in turns of 256
 * bytes: on AArch64, turns of 64 read 14.4 and wrote 13.8 GB/s under emulation, these 16.3 and 16.2.
 */
enum { LONG_STEP = 4 * LOOP_STEP };
#define LONG(step) step(0) step(64) step(128) step(192)

#define MOVER(name, attributes, step, ...)                                                                             \
    attributes static void name(void *to, const void *from, uint64_t length)                                           \
    {                                                                                                                  \
        uintptr_t source = (uintptr_t)from, target = (uintptr_t)to;                                                    \
                                                                                                                       \
        for (; length >= LONG_STEP; length -= LONG_STEP, source += LONG_STEP, target += LONG_STEP)                     \
            __asm__ volatile(LONG(step) : : "r"(source), "r"(target) : __VA_ARGS__);                                   \
        for (; length > 0; length -= LOOP_STEP, source += LOOP_STEP, target += LOOP_STEP)                              \
            __asm__ volatile(step(0) : : "r"(source), "r"(target) : __VA_ARGS__);                                      \
    }

MOVER(write_vectors, WITH_VECTORS, VECTOR_WRITE, VECTORS)
MOVER(read_vectors, WITH_VECTORS, VECTOR_READ, VECTORS)
MOVER(copy_vectors, WITH_VECTORS, VECTOR_COPY, VECTORS)
MOVER(write_words, __attribute__((ONE_PAGE)), WORD_WRITE, WORDS)
MOVER(read_words, __attribute__((ONE_PAGE)), WORD_READ, WORDS)
MOVER(copy_words, __attribute__((ONE_PAGE)), WORD_COPY, WORDS)

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
