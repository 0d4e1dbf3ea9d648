/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many steps in one command. A step is a letter and numbers in hexadecimal with commas between them; steps have
 * semicolons between them. What a step sees are 64-bit values, always as many for one letter. The answer has the CRC-32
 * of all values, so that a client that knows what they must be need not read them; it can ask for them afterwards.
 */
#include "crc32.h"
#include "shmem.h"
#include "steps.h"
#include "text.h"

enum { VALUES_TOLD = 640 };

/* The end of a field that begins at TEXT; the next one begins behind it. */
static char *field_end(char *text)
{
    while (*text && *text != ',' && *text != ';')
        text++;
    return text;
}

static bool field_number(const char *text, const char *end, uint64_t *value)
{
    *value = 0;
    for (const char *at = text; at < end; at++) {
        int digit = hex_digit(*at);

        if (digit < 0)
            return false;
        *value = *value << 4 | (uint64_t)digit;
    }
    return end > text;
}

/* Reads the step at *TEXT, and goes to the next one; NULL when it is none. */
static const struct kind *step_parse(char **text, struct step *step)
{
    const struct kind *kind = kind_of(**text);
    char *at = *text + 1, *end;
    bool last;

    *step = (struct step){.fields = kind ? kind->fields : 0};
    for (unsigned i = 0; kind && i < kind->fields + kind->named; i++) {
        if (*at == ',')
            at++;
        end = field_end(at);
        if (i < kind->fields && !field_number(at, end, &step->field[i]))
            return NULL;
        last = *end != ';';
        if (i == kind->fields) {
            int length;

            *end = '\0';
            step->name = at;
            length = percent_decode(at);
            if (length < 0 || length > SHMEM_NAME_SIZE)
                return NULL;
            step->field[i] = (uint64_t)length;
            at = last ? end : end + 1;
            *text = at;
            return kind;
        }
        at = end;
    }
    *text = *at == ';' ? at + 1 : at;
    return kind && (at[0] == ';' || !at[0]) ? kind : NULL;
}

struct running {
    const struct kind *kind;
    struct step step;
};

static void run_step(void *argument)
{
    struct running *running = argument;

    running->kind->run(&running->step);
}

/* Carries a step out; its values are as many as its kind has, whatever happens. */
static void perform(struct running *running)
{
    unsigned first = seen.count, end = first + running->kind->values;
    struct fault fault;

    if (!fault_guard(run_step, running, &fault)) {
        for (seen.count = first; seen.count < end;)
            see(FAULTED);
    }
    while (seen.count < end)
        see(NOTHING);
}

static void run_batch(struct call *call)
{
    struct running running;
    unsigned steps = 0;
    uint32_t crc;

    devices_find(false);
    seen.count = 0;
    seen.impatient = false;
    for (char *text = call->word[1]; *text; steps++) {
        running.kind = step_parse(&text, &running.step);
        if (!running.kind) {
            call_fail(call, FAIL_USAGE, "no step of a batch", text);
            return;
        }
        if (seen.count + running.kind->values > VALUES_MAX) {
            call_fail(call, FAIL_LIMIT, "the steps see too many values", NULL);
            return;
        }
        perform(&running);
    }
    crc = crc32(0, seen.value, seen.count * sizeof *seen.value);
    json_number(&call->json, "steps", steps);
    json_number(&call->json, "values", seen.count);
    json_hex(&call->json, "crc32", crc);
}

static void run_seen(struct call *call)
{
    uint64_t first;

    if (!call_number(call, 1, VALUES_MAX, &first))
        return;
    json_array(&call->json, "values");
    for (uint64_t i = first; i < seen.count && i < first + VALUES_TOLD; i++)
        json_hex(&call->json, NULL, seen.value[i]);
    json_array_end(&call->json);
}

const struct command batch_commands[] = {
    {"batch", "STEP[;STEP...]", 1, 1, run_batch},
    {"seen", "FIRST", 1, 1, run_seen},
    {0},
};
