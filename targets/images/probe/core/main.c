/* SPDX-License-Identifier: Apache-2.0 */
/* The command loop: a request frame is answered by a frame, a line that a person types by a line. */
#include "command.h"
#include "frame.h"
#include "platform.h"
#include "probe.h"
#include "text.h"

static struct receiver receiver;
static char bare_answer[ANSWER_MAX + 1];

/* The last framed answer, kept so that a request that comes again is not carried out again. */
static struct {
    bool valid;
    uint32_t sequence;
    uint32_t crc;                 /* of the request; distinguishes another request with the same number */
    size_t length;
    char text[ANSWER_MAX + 1];
} stored;

static void answer_request(const struct reception *reception)
{
    void (*after)(void) = NULL;

    if (!stored.valid || stored.sequence != reception->sequence || stored.crc != reception->crc) {
        stored.valid = false;
        stored.length = command_run(reception->payload, stored.text, sizeof stored.text, &after);
        stored.sequence = reception->sequence;
        stored.crc = reception->crc;
        stored.valid = true;
    }
    frame_send(FRAME_ANSWER, stored.sequence, stored.text, stored.length);
    if (after)
        after();
}

/*
 * Only what looks typed is carried out: the echo of an answer must not start a conversation with itself, and what is
 * left of a damaged request (it ends with ~) comes again as a whole.
 */
static bool looks_typed(const char *line)
{
    if (!((line[0] >= 'a' && line[0] <= 'z') || line[0] == ' '))
        return false;
    while (*line >= ' ' && *line < '~')
        line++;
    return *line == '\0';
}

static void answer_line(char *line)
{
    void (*after)(void) = NULL;

    if (!looks_typed(line))
        return;
    console_write(bare_answer, command_run(line, bare_answer, sizeof bare_answer, &after));
    console_write("\r\n", 2);
    if (after)
        after();
}

static void say_hello(void)
{
    const struct platform_facts *facts = platform_facts();
    char text[256];
    struct json json;

    json_start(&json, text, sizeof text);
    json_object(&json, NULL);
    json_string(&json, "probe", PROBE_VERSION);
    json_number(&json, "protocol", PROBE_PROTOCOL);
    json_string(&json, "architecture", facts->architecture);
    json_hex(&json, "boot", facts->boot);
    json_object_end(&json);
    frame_send(FRAME_HELLO, 0, text, json.length);
}

void probe_main(void)
{
    struct reception reception;
    int byte;

    say_hello();
    while ((byte = console_read(receiver_missing(&receiver))) >= 0) {
        switch (receiver_push(&receiver, (char)byte, &reception)) {
        case RECEIVED_NOTHING: break;
        case RECEIVED_REQUEST: answer_request(&reception); break;
        case RECEIVED_DAMAGED: frame_send(FRAME_REFUSAL, 0, "damaged", 7); break;
        case RECEIVED_LINE: answer_line(reception.payload); break;
        }
    }
}
