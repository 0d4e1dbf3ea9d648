/* SPDX-License-Identifier: Apache-2.0 */
/* How long a signal and its answer take, as a distribution: by interrupt, or by polling the status register. */
#include "rounds.h"
#include "mmio.h"
#include "shmem.h"
#include "statistics.h"
#include "text.h"

enum { BUCKETS = 64 * 4 };
#define ROUND_NS 6000000000ull    /* a busy machine may leave two guests and their host alone for seconds */
#define START_NS 10000000000ull   /* the peer of a polled exchange may begin so much later */

/* Four buckets for each power of two: the highest bit and the two after it. */
static unsigned bucket_of(uint64_t nanoseconds)
{
    unsigned top = nanoseconds < 4 ? 2 : 63 - (unsigned)__builtin_clzll(nanoseconds);

    return 4 * top + (nanoseconds >> (top - 2) & 3);
}

static uint64_t bucket_end(unsigned bucket)
{
    return (uint64_t)(bucket % 4 + 5) << (bucket / 4 - 2);
}

static void describe_histogram(struct json *json, size_t first, size_t stride, size_t count)
{
    static uint32_t bucket[BUCKETS];

    memset(bucket, 0, sizeof bucket);
    for (size_t i = 0; i < count; i++)
        bucket[bucket_of(statistics_samples[first + i * stride])]++;
    json_array(json, "histogram");
    for (unsigned i = 0; i < BUCKETS; i++) {
        if (!bucket[i])
            continue;
        json_array(json, NULL);
        json_number(json, NULL, bucket_end(i));
        json_number(json, NULL, bucket[i]);
        json_array_end(json);
    }
    json_array_end(json);
}

/* Reads the register until it has a bit of MASK; false when it has none until then. */
static bool poll(volatile uint8_t *status, uint32_t mask, uint64_t until)
{
    while (!(mmio_read(status, 4) & mask))
        if (clock_now_ns() >= until)
            return false;
    return true;
}

/* One signal and its answer; the time, or 0 when no answer came within LIMIT. BEGIN is when it was sent. */
static uint64_t round_trip(const struct bell *bell, uint64_t limit, uint64_t *begin)
{
    uint64_t seen = bell->heard ? *bell->heard : 0, start = clock_now_ns();
    bool answered;

    *begin = start;
    mmio_write(bell->at, 4, bell->value);
    if (bell->heard) {
        interrupt_wait(bell->heard, seen, start + limit);
        answered = *bell->heard != seen;
    } else {
        answered = poll(bell->status, bell->mask, start + limit);
    }
    return answered ? clock_now_ns() - start : 0;
}

bool rounds_wanted(struct call *call, unsigned word, uint64_t *peer, uint64_t *rounds)
{
    if (!call_timed(call) || !call_number(call, word, SHMEM_CLIENTS - 1, peer) ||
        !call_number(call, word + 1, SAMPLES_MAX, rounds))
        return false;
    if (*rounds == 0)
        call_fail(call, FAIL_STATE, "no rounds are wanted", NULL);
    return *rounds;
}

bool times_wanted(const struct call *call, unsigned word)
{
    return call->words > word && text_equal(call->word[word], "times");
}

void rounds_run(struct call *call, const struct bell *bell, uint64_t rounds)
{
    uint64_t done = 0, before = bell->taken ? *bell->taken : 0, begin, time;
    unsigned stride = bell->begins ? 2 : 1;

    if (rounds > SAMPLES_MAX / stride) {
        call_fail(call, FAIL_LIMIT, "more rounds than can be kept", NULL);
        return;
    }
    for (; done < rounds && (time = round_trip(bell, done || bell->heard ? ROUND_NS : START_NS, &begin)); done++) {
        statistics_samples[stride * done] = begin;
        statistics_samples[stride * done + stride - 1] = time;
    }
    if (done == 0) {
        call_fail(call, FAIL_STATE, "no answer from the peer", NULL);
        return;
    }
    statistics_keep(stride * done);
    json_number(&call->json, "lost", done < rounds);
    json_number(&call->json, "interrupts", bell->taken ? *bell->taken - before : 0);
    statistics_describe(&call->json, stride - 1, stride, done);
    describe_histogram(&call->json, stride - 1, stride, done);
}

static bool polled(const struct call *call)
{
    return call->words > 3 && text_equal(call->word[3], "poll");
}

static void run_pingpong(struct call *call)
{
    struct region *region = region_selected(call);
    uint64_t peer, rounds;
    struct bell bell;

    if (!region || !rounds_wanted(call, 1, &peer, &rounds))
        return;
    if (region->device->listening == polled(call)) {
        call_fail(call, FAIL_STATE, "interrupts are off, or on while the register is to be polled", NULL);
        return;
    }
    bell = (struct bell){.at = region->control + CONTROL_NOTIFY, .value = 1u << peer};
    bell.begins = times_wanted(call, polled(call) ? 4 : 3);
    if (polled(call)) {
        bell.status = region->control + CONTROL_STATUS;
        bell.mask = 1u << peer;
    } else {
        bell.heard = &region->signals[peer];
        bell.taken = &region->device->taken;
    }
    rounds_run(call, &bell, rounds);
}

/* The other side of polled round trips: waits for a signal of PEER and answers it, so many times; keeps when each came. */
static void run_answer(struct call *call)
{
    struct region *region = region_selected(call);
    uint64_t peer, rounds, done = 0;

    if (!region || !rounds_wanted(call, 1, &peer, &rounds))
        return;
    if (region->device->listening) {
        call_fail(call, FAIL_STATE, "interrupts are on, and their handler reads the register", NULL);
        return;
    }
    for (; done < rounds; done++) {
        if (!poll(region->control + CONTROL_STATUS, 1u << peer, clock_now_ns() + (done ? ROUND_NS : START_NS)))
            break;
        statistics_samples[done] = clock_now_ns();
        mmio_write(region->control + CONTROL_NOTIFY, 4, 1u << peer);
    }
    statistics_keep(done);
    json_number(&call->json, "answered", done);
}

const struct command round_commands[] = {
    {"pingpong", "PEER ROUNDS [poll] [times]", 2, 4, run_pingpong},
    {"answer", "PEER ROUNDS", 2, 2, run_answer},
    {0},
};
