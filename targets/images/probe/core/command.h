/* SPDX-License-Identifier: Apache-2.0 */
/* A command: a line of words in, one JSON object out. */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "json.h"

enum { COMMAND_WORDS = 12 };

struct call {
    char *word[COMMAND_WORDS];    /* word[0] is the command itself */
    unsigned words;
    struct json json;             /* inside the answer's object */
    bool failed;
    bool handle_given;            /* the command is about region HANDLE, not about the current one */
    unsigned handle;
    void (*after)(void);          /* to be done once the answer is on its way: power off, for example */
};

struct command {
    const char *name;
    const char *usage;            /* the arguments, for people */
    unsigned least, most;         /* how many arguments */
    void (*run)(struct call *call);
};

/* Each file of commands ends its table with a row whose name is NULL. */
extern const struct command core_commands[], device_commands[], shmem_commands[], register_commands[],
    data_commands[], bench_commands[], scan_commands[], interrupt_commands[], hostile_commands[],
    name_commands[], batch_commands[], system_commands[], statistics_commands[], round_commands[],
    stream_commands[], ivshmem_commands[], together_commands[], clock_commands[],
    request_commands[];

/* The kinds of failure: see docs/probe.md. */
#define FAIL_USAGE "usage"
#define FAIL_STATE "state"
#define FAIL_FAULT "fault"
#define FAIL_LIMIT "limit"
#define FAIL_DEVICE "device"

/* Turns the answer into an error. Nothing else must be written to it afterwards. WHERE may be NULL: the command. */
void call_fail(struct call *call, const char *error, const char *what, const char *where);

/* The argument as a number; false (and the call has failed) when it is none or above MOST. */
bool call_number(struct call *call, unsigned word, uint64_t most, uint64_t *value);

/* The argument with %XX undone, as bytes in place; its length, or -1 (and the call has failed). */
int call_name(struct call *call, unsigned word);

/* False (and the call has failed) when this guest has no clock: no time would be a true one. */
bool call_timed(struct call *call);

/* Runs the command that the words name. */
void call_run(struct call *call);

/* Runs one line. ANSWER receives a terminated JSON object; returns its length. Faults become answers. */
size_t command_run(char *line, char *answer, size_t capacity, void (**after)(void));

#endif
