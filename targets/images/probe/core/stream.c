/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages from one guest to another through a ring in a region, as a program would send them: each has its number, its
 * length and a checksum, and the receiver reads all of it. Who has to wait polls the ring, or sleeps until a signal.
 *
 * The first page of the data has the words of both sides, each in a cache line of its own; the ring follows.
 */
#include "ivshmem.h"
#include "mmio.h"
#include "shmem.h"
#include "text.h"

enum { LINE = 64, HEADER = 4096, SLOTS_MAX = 64, COUNT_MAX = 1 << 24, SPINS = 256 };
#define SILENCE_NS 10000000000ull /* nothing moves for so long: the other side is not there */

typedef uint64_t vector __attribute__((vector_size(16)));

/* As in bench.c: these loops alone use vector registers. */
#if defined(__aarch64__)
#define WITH_VECTORS __attribute__((target("+simd"), noinline))
#else
#define WITH_VECTORS __attribute__((target("sse2"), noinline))
#endif

struct message {
    uint64_t number, length, checksum, unused[5];
    vector payload[];
};

struct stream {
    struct region *region;        /* NULL: the memory is an ivshmem device's, and signals there are none */
    char *data;
    uint64_t physical, length;
    uint64_t size, count, peer, session;
    bool by_signal;
    volatile uint64_t *opened;    /* the session, once the sender has put everything in order */
    volatile uint64_t *sent, *taken;
    volatile uint64_t *receiver_waits, *sender_waits;
    char *ring;
    uint64_t slot, slots;
    uint64_t signals, sleeps, wrong;
    uint64_t first_wrong;         /* number of the first message that is wrong, and what of it */
    const char *what_is_wrong;
    bool lost;                    /* a sleep ended by its limit, although there was something to wake up for */
};

/* Sums of the words of a payload, and sums of these sums: an exchange of two pieces shows. Two lanes, so that it is quick. */
struct sums {
    vector words, sums;
};

WITH_VECTORS static void sums_of(const vector *at, const vector *end, struct sums *result)
{
    vector words = {0, 0}, sums = {0, 0};

    for (; at < end; at++) {
        words += *at;
        sums += words;
    }
    result->words = words;
    result->sums = sums;
}

WITH_VECTORS static void copy(vector *to, const vector *from, const vector *end)
{
    for (; from < end; from += 4, to += 4) {
        vector a = from[0], b = from[1], c = from[2], d = from[3];

        to[0] = a;
        to[1] = b;
        to[2] = c;
        to[3] = d;
    }
}

/* The sums as one number. They are read as words: other code than the loops has no vector registers. */
static uint64_t folded(const struct sums *sums)
{
    const uint64_t *word = (const uint64_t *)sums;

    return word[0] + 3 * word[1] + 5 * word[2] + 7 * word[3];
}

/* Which vector of SIZE bytes message NUMBER differs in: one in each cache line in turn. */
static uint64_t place_of(uint64_t number, uint64_t size)
{
    return number * (LINE / sizeof(vector)) % (size / sizeof(vector));
}

/* The same when NUMBER has been added to the first word of that vector: it is in its lane's sums from there on. */
static uint64_t folded_with(const struct sums *sums, uint64_t number, uint64_t size)
{
    return folded(sums) + number + 5 * number * (size / sizeof(vector) - place_of(number, size));
}

static struct message *message_at(const struct stream *stream, uint64_t number)
{
    return (struct message *)(stream->ring + number % stream->slots * stream->slot);
}

static bool reached(const volatile uint64_t *word, uint64_t value)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE) >= value;
}

static bool wait_polling(const volatile uint64_t *word, uint64_t value)
{
    uint64_t end = clock_now_ns() + SILENCE_NS;

    for (unsigned spins = 1; !reached(word, value); spins++)
        if (spins % SPINS == 0 && clock_now_ns() >= end)
            return false;
    return true;
}

/* Sets FLAG and looks again before it sleeps; the other side looks at the flag after it has moved the word. */
static bool wait_sleeping(struct stream *stream, const volatile uint64_t *word, uint64_t value, volatile uint64_t *flag)
{
    const volatile uint64_t *interrupts = &stream->region->device->taken;
    uint64_t end = clock_now_ns() + SILENCE_NS;
    bool slept = false;

    while (!reached(word, value) && clock_now_ns() < end) {
        uint64_t seen = *interrupts;

        __atomic_store_n(flag, 1, __ATOMIC_RELEASE);
        machines_fence();
        if (reached(word, value))
            break;
        stream->sleeps++;
        interrupt_wait(interrupts, seen, end);
        slept = true;
    }
    __atomic_store_n(flag, 0, __ATOMIC_RELEASE);
    stream->lost |= slept && clock_now_ns() >= end && reached(word, value);
    return reached(word, value) && !stream->lost;
}

static bool wait_for(struct stream *stream, const volatile uint64_t *word, uint64_t value, volatile uint64_t *flag)
{
    if (reached(word, value))
        return true;
    return stream->by_signal ? wait_sleeping(stream, word, value, flag) : wait_polling(word, value);
}

/*
 * Moves a word, and wakes the other side if it waits for that. No exchange: it need not be one between two machines. The
 * fence before it is for data in write-combining memory, which a store that releases does not order.
 */
static void move(struct stream *stream, volatile uint64_t *word, uint64_t value, volatile uint64_t *flag)
{
    machines_fence();
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
    machines_fence();
    if (!stream->by_signal || !__atomic_load_n(flag, __ATOMIC_SEQ_CST))
        return;
    __atomic_store_n(flag, 0, __ATOMIC_SEQ_CST);
    mmio_write(stream->region->control + CONTROL_NOTIFY, 4, 1u << stream->peer);
    stream->signals++;
}

static bool send(struct stream *stream, uint64_t *source)
{
    struct sums sums;

    sums_of((const vector *)source, (const vector *)((char *)source + stream->size), &sums);
    for (uint64_t number = 0; number < stream->count; number++) {
        struct message *message = message_at(stream, number);

        if (number >= stream->slots &&
            !wait_for(stream, stream->taken, number + 1 - stream->slots, stream->sender_waits))
            return false;
        uint64_t *changed = source + 2 * place_of(number, stream->size), unchanged = *changed;

        *changed += number;
        copy(message->payload, (const vector *)source, (const vector *)((char *)source + stream->size));
        *changed = unchanged;
        message->number = number;
        message->length = stream->size;
        message->checksum = folded_with(&sums, number, stream->size);
        move(stream, stream->sent, number + 1, stream->receiver_waits);
    }
    return wait_for(stream, stream->taken, stream->count, stream->sender_waits);
}

/* What of a message is not as it was sent, or NULL. */
static const char *fault_of(const struct stream *stream, const struct message *message, uint64_t number)
{
    struct sums sums;

    sums_of(message->payload, (const vector *)((const char *)message->payload + stream->size), &sums);
    if (message->number != number)
        return "number";
    if (message->length != stream->size)
        return "length";
    return message->checksum != folded(&sums) ? "checksum" : NULL;
}

static bool receive(struct stream *stream)
{
    for (uint64_t number = 0; number < stream->count; number++) {
        const char *wrong;

        if (!wait_for(stream, stream->sent, number + 1, stream->receiver_waits))
            return false;
        wrong = fault_of(stream, message_at(stream, number), number);
        if (wrong && stream->wrong++ == 0) {
            stream->first_wrong = number;
            stream->what_is_wrong = wrong;
        }
        move(stream, stream->taken, number + 1, stream->sender_waits);
    }
    return true;
}

static void lay_out(struct stream *stream)
{
    char *data = stream->data;

    stream->opened = (volatile uint64_t *)data;
    stream->sent = (volatile uint64_t *)(data + LINE);
    stream->taken = (volatile uint64_t *)(data + 2 * LINE);
    stream->receiver_waits = (volatile uint64_t *)(data + 3 * LINE);
    stream->sender_waits = (volatile uint64_t *)(data + 4 * LINE);
    stream->ring = data + HEADER;
    stream->slot = sizeof(struct message) + stream->size;
    stream->slots = stream->length <= HEADER ? 0 : (stream->length - HEADER) / stream->slot;
    if (stream->slots > SLOTS_MAX)
        stream->slots = SLOTS_MAX;
}

static void open(struct stream *stream)
{
    __atomic_store_n(stream->opened, 0, __ATOMIC_SEQ_CST);
    *stream->sent = *stream->taken = *stream->receiver_waits = *stream->sender_waits = 0;
    __atomic_store_n(stream->opened, stream->session, __ATOMIC_SEQ_CST);
}

static bool opened(const struct stream *stream)
{
    uint64_t end = clock_now_ns() + SILENCE_NS;

    while (__atomic_load_n(stream->opened, __ATOMIC_ACQUIRE) != stream->session)
        if (clock_now_ns() >= end)
            return false;
    return true;
}

/* The memory that the last word means: that of the current region, or of an ivshmem device. */
static bool memory_wanted(struct call *call, struct stream *stream)
{
    if (call->words > 7)
        return ivshmem_memory(call, &stream->data, &stream->physical, &stream->length);
    stream->region = region_selected(call);
    if (!stream->region)
        return false;
    stream->data = (char *)stream->region->data;
    stream->physical = stream->region->physical + SHMEM_PAGE;
    stream->length = stream->region->length;
    return true;
}

/* The words send|receive SIZE COUNT PEER SESSION poll|signal [ivshmem]. */
static bool wanted(struct call *call, struct stream *stream)
{
    if (!memory_wanted(call, stream) || !call_timed(call) || !call_number(call, 2, UINT32_MAX, &stream->size) ||
        !call_number(call, 3, COUNT_MAX, &stream->count) || !call_number(call, 4, SHMEM_CLIENTS - 1, &stream->peer) ||
        !call_number(call, 5, UINT64_MAX, &stream->session))
        return false;
    stream->by_signal = text_equal(call->word[6], "signal");
    lay_out(stream);
    if (!text_equal(call->word[1], "send") && !text_equal(call->word[1], "receive"))
        call_fail(call, FAIL_USAGE, "a guest sends or receives", call->word[1]);
    else if (stream->size == 0 || stream->size % LINE || stream->slots < 2)
        call_fail(call, FAIL_USAGE, "a message has a multiple of 64 bytes, and two fit behind the first page", NULL);
    else if (stream->by_signal && (!stream->region || !stream->region->device->listening))
        call_fail(call, FAIL_STATE, "interrupts are off", NULL);
    else if (stream->session == 0 || stream->count == 0)
        call_fail(call, FAIL_USAGE, "session and count are not 0", NULL);
    return !call->failed;
}

static void run_stream(struct call *call)
{
    bool sending = text_equal(call->word[1], "send"), complete;
    struct stream stream = {0};
    uint64_t *source = NULL, start;

    if (!wanted(call, &stream))
        return;
    if (sending) {
        source = memory_private(stream.physical, stream.size);
        if (!source) {
            call_fail(call, FAIL_LIMIT, "the guest has not as much private RAM", NULL);
            return;
        }
        /* Other bytes than those that an earlier stream has left. */
        for (uint64_t i = 0; i < stream.size / sizeof *source; i++)
            source[i] = (i + 1) * (stream.session * 0xbf58476d1ce4e5b9ull ^ 0x9e3779b97f4a7c15ull);
        open(&stream);
    } else if (!opened(&stream)) {
        call_fail(call, FAIL_STATE, "no sender has opened this session", call->word[5]);
        return;
    }
    start = clock_now_ns();
    complete = sending ? send(&stream, source) : receive(&stream);
    json_number(&call->json, "ns", clock_now_ns() - start);
    json_bool(&call->json, "complete", complete);
    json_number(&call->json, "moved", *(sending ? stream.sent : stream.taken));
    json_number(&call->json, "slots", stream.slots);
    json_number(&call->json, "wrong", stream.wrong);
    json_number(&call->json, "first_wrong", stream.first_wrong);
    json_string(&call->json, "what_is_wrong", stream.what_is_wrong ? stream.what_is_wrong : "");
    json_number(&call->json, "signals", stream.signals);
    json_number(&call->json, "sleeps", stream.sleeps);
    json_bool(&call->json, "lost", stream.lost);
}

const struct command stream_commands[] = {
    {"stream", "send|receive SIZE COUNT PEER SESSION poll|signal [ivshmem]", 6, 7, run_stream},
    {0},
};
