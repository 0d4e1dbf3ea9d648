/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far the clocks of two guests are apart. One asks through a word of memory that both poll, and the other answers with
 * what its clock says. That moment lies between the question and the hearing of the answer, so the quickest exchange
 * tells the most.
 */
#include "ivshmem.h"
#include "shmem.h"
#include "text.h"

enum { LINE = 64, FIRST_LINE = SHMEM_CLIENTS, ROUNDS_MAX = 1 << 20, SPINS = 256 };
#define PATIENCE_NS 10000000000ull /* the other side begins so much later, on a busy machine */
#define ENOUGH_NS 100000000ull     /* and does not get a processor each time: then some exchanges have to do */

/* Questions and answers have numbers; the last question has the number 0 of its SESSION. */
struct words {
    uint64_t session;
    uint64_t *asked, *answered, *time;
};

static bool words_wanted(struct call *call, struct words *words, uint64_t *rounds)
{
    uint64_t physical, length = 0;
    struct region *region;
    char *memory;

    if (!call_timed(call) || !call_number(call, 2, ROUNDS_MAX, rounds) || !call_number(call, 3, UINT32_MAX, &words->session))
        return false;
    if (*rounds == 0 || words->session == 0) {
        call_fail(call, FAIL_USAGE, "rounds and session are not 0", NULL);
        return false;
    }
    if (call->words > 4) {
        if (!ivshmem_memory(call, &memory, &physical, &length))
            return false;
    } else {
        region = region_selected(call);
        if (!region)
            return false;
        memory = (char *)region->data;
    }
    words->session <<= 32;
    words->asked = (uint64_t *)(memory + FIRST_LINE * LINE);
    words->answered = words->asked + LINE / sizeof(uint64_t);
    words->time = words->answered + 1;
    return true;
}

static bool wait(const uint64_t *word, uint64_t value, uint64_t until)
{
    for (unsigned spins = 1; __atomic_load_n(word, __ATOMIC_ACQUIRE) != value; spins++)
        if (spins % SPINS == 0 && clock_now_ns() >= until)
            return false;
    return true;
}

static void ask(struct call *call, const struct words *words, uint64_t rounds)
{
    uint64_t first = clock_now_ns(), asked = 0, answered = 0, heard = 0, done = 0;

    for (; done < rounds && (done == 0 || clock_now_ns() - first < ENOUGH_NS); done++) {
        uint64_t before = clock_now_ns(), after;

        __atomic_store_n(words->asked, words->session | (done + 1), __ATOMIC_RELEASE);
        if (!wait(words->answered, words->session | (done + 1), before + PATIENCE_NS)) {
            call_fail(call, FAIL_STATE, "the other guest does not answer", NULL);
            return;
        }
        after = clock_now_ns();
        if (done == 0) {
            first = after;        /* the other one may have come late */
        } else if (heard == 0 || after - before < heard - asked) {
            asked = before;
            answered = *words->time;
            heard = after;
        }
    }
    __atomic_store_n(words->asked, words->session, __ATOMIC_RELEASE);
    json_number(&call->json, "rounds", done);
    json_number(&call->json, "asked_ns", asked);
    json_number(&call->json, "answered_ns", answered);
    json_number(&call->json, "heard_ns", heard);
}

/* The first question of the session has number 1; what is read before is of an earlier one, or nothing. */
static void answer(struct call *call, const struct words *words)
{
    uint64_t done = 0;

    if (!wait(words->asked, words->session | 1, clock_now_ns() + PATIENCE_NS)) {
        call_fail(call, FAIL_STATE, "no guest asks in this session", call->word[3]);
        return;
    }
    for (uint64_t end = clock_now_ns() + PATIENCE_NS; clock_now_ns() < end;) {
        uint64_t question = __atomic_load_n(words->asked, __ATOMIC_ACQUIRE);

        if (question == words->session)
            break;
        if (question == (words->session | done))
            continue;
        *words->time = clock_now_ns();
        __atomic_store_n(words->answered, question, __ATOMIC_RELEASE);
        done++;
    }
    json_number(&call->json, "rounds", done);
}

static void run_clocks(struct call *call)
{
    struct words words;
    uint64_t rounds;

    if (!words_wanted(call, &words, &rounds))
        return;
    if (text_equal(call->word[1], "ask") && rounds > 1)
        ask(call, &words, rounds);
    else if (text_equal(call->word[1], "answer"))
        answer(call, &words);
    else
        call_fail(call, FAIL_USAGE, "clocks ask ROUNDS SESSION, of two rounds and more, or clocks answer", NULL);
}

const struct command clock_commands[] = {
    {"clocks", "ask|answer ROUNDS SESSION [ivshmem]", 3, 4, run_clocks},
    {0},
};
