/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"
#include "platform.h"
#include "text.h"

static char *answer_text;
static size_t answer_capacity;

static const struct command *const tables[] = {
    core_commands, device_commands, shmem_commands, register_commands, data_commands, bench_commands, scan_commands,
    interrupt_commands, hostile_commands, name_commands, batch_commands, system_commands,
    statistics_commands, round_commands, stream_commands, ivshmem_commands, together_commands, clock_commands,
    request_commands,
};

static void answer_restart(struct call *call)
{
    json_start(&call->json, answer_text, answer_capacity);
    json_object(&call->json, NULL);
}

void call_fail(struct call *call, const char *error, const char *what, const char *where)
{
    answer_restart(call);
    call->failed = true;
    call->after = NULL;
    json_string(&call->json, "error", error);
    json_string(&call->json, "what", what);
    json_string(&call->json, "where", where ? where : call->words ? call->word[0] : "");
}

bool call_number(struct call *call, unsigned word, uint64_t most, uint64_t *value)
{
    if (!number_parse(call->word[word], value)) {
        call_fail(call, FAIL_USAGE, "not a number", call->word[word]);
        return false;
    }
    if (*value > most) {
        call_fail(call, FAIL_USAGE, "number out of range", call->word[word]);
        return false;
    }
    return true;
}

int call_name(struct call *call, unsigned word)
{
    int length;

    /* A word cannot be empty, so a lone % stands for the empty name. */
    if (text_equal(call->word[word], "%")) {
        call->word[word][0] = '\0';
        return 0;
    }
    length = percent_decode(call->word[word]);

    if (length < 0)
        call_fail(call, FAIL_USAGE, "% must be followed by two hex digits", call->word[word]);
    return length;
}

bool call_timed(struct call *call)
{
    if (clock_rate_hz())
        return true;
    call_fail(call, FAIL_STATE, platform_facts()->clock, NULL);
    return false;
}

static bool split(char *line, struct call *call)
{
    call->words = 0;
    for (;;) {
        while (*line == ' ' || *line == '\t')
            *line++ = '\0';
        if (!*line)
            return true;
        if (call->words == COMMAND_WORDS)
            return false;
        call->word[call->words++] = line;
        while (*line && *line != ' ' && *line != '\t')
            line++;
    }
}

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const struct command *command = tables[i]; command->name; command++)
            if (text_equal(command->name, name))
                return command;
    return NULL;
}

void call_run(struct call *call)
{
    const struct command *command = find(call->word[0]);

    if (!command)
        call_fail(call, FAIL_USAGE, "unknown command; try help", NULL);
    else if (call->words - 1 < command->least || call->words - 1 > command->most)
        call_fail(call, FAIL_USAGE, command->usage[0] ? command->usage : "takes no arguments", NULL);
    else
        command->run(call);
}

static void run(void *argument)
{
    call_run(argument);
}

static void report_fault(struct call *call, const struct fault *fault)
{
    char where[] = "0x0000000000000000";

    hex_write(where + 2, fault->pc, 16);
    call_fail(call, FAIL_FAULT, fault->what, where);
    json_hex(&call->json, "pc", fault->pc);
    json_hex(&call->json, "address", fault->address);
    json_hex(&call->json, "syndrome", fault->syndrome);
}

size_t command_run(char *line, char *answer, size_t capacity, void (**after)(void))
{
    static struct call call;
    struct fault fault;

    call = (struct call){0};
    answer_text = answer;
    answer_capacity = capacity;
    answer_restart(&call);
    if (!split(line, &call))
        call_fail(&call, FAIL_USAGE, "too many words", NULL);
    else if (call.words == 0)
        call_fail(&call, FAIL_USAGE, "no command", "");
    else if (!fault_guard(run, &call, &fault))
        report_fault(&call, &fault);
    json_object_end(&call.json);
    if (call.json.overflow) {
        call_fail(&call, FAIL_LIMIT, "the answer does not fit into a frame", NULL);
        json_object_end(&call.json);
    }
    *after = call.after;
    return call.json.length;
}

static void help(struct call *call)
{
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const struct command *command = tables[i]; command->name; command++)
            json_string(&call->json, command->name, command->usage);
}

const struct command core_commands[] = {
    {"help", "", 0, 0, help},
    {0},
};
