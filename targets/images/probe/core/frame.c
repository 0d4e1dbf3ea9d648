/* SPDX-License-Identifier: Apache-2.0 */
#include "frame.h"
#include "crc32.h"
#include "platform.h"
#include "text.h"

enum { AT_KIND = 1, AT_SEQUENCE = 3, AT_LENGTH = 12, AT_CRC = 17, AT_PAYLOAD = 26 };

static bool field_parse(const char *at, unsigned digits, uint32_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < digits; i++) {
        int digit = hex_digit(at[i]);

        if (digit < 0)
            return false;
        *value = *value << 4 | (uint32_t)digit;
    }
    return at[digits] == ':';
}

static uint32_t frame_crc(const char *frame, const char *payload, size_t length)
{
    return crc32(crc32(0, frame + AT_KIND, AT_CRC - AT_KIND), payload, length);
}

static enum received drop(struct receiver *receiver, enum received result)
{
    receiver->length = 0;
    receiver->skipping = true;
    return result;
}

/* The bytes so far begin with @: decides as soon as they can be a whole request. */
static enum received frame_check(struct receiver *receiver, struct reception *reception)
{
    uint32_t length;
    const char *line = receiver->line;

    if (receiver->length == AT_SEQUENCE && (line[AT_KIND] != FRAME_REQUEST || line[2] != ':'))
        return drop(receiver, RECEIVED_NOTHING);
    if (receiver->length < FRAME_HEADER)
        return RECEIVED_NOTHING;
    if (!field_parse(line + AT_SEQUENCE, 8, &reception->sequence) || !field_parse(line + AT_LENGTH, 4, &length) ||
        !field_parse(line + AT_CRC, 8, &reception->crc) || length > REQUEST_MAX)
        return drop(receiver, RECEIVED_DAMAGED);
    receiver->frame = FRAME_HEADER + length;
    if (receiver->length < receiver->frame)
        return RECEIVED_NOTHING;
    receiver->line[receiver->length] = '\0';
    reception->payload = receiver->line + AT_PAYLOAD;
    return drop(receiver, frame_crc(line, reception->payload, length) == reception->crc ? RECEIVED_REQUEST
                                                                                           : RECEIVED_DAMAGED);
}

static enum received line_end(struct receiver *receiver, struct reception *reception)
{
    bool framed = receiver->length && receiver->line[0] == '@';
    bool empty = receiver->skipping || receiver->length == 0;

    receiver->line[receiver->length] = '\0';
    reception->payload = receiver->line;
    receiver->length = 0;
    receiver->skipping = false;
    if (empty)
        return RECEIVED_NOTHING;
    return framed ? RECEIVED_DAMAGED : RECEIVED_LINE;
}

enum received receiver_push(struct receiver *receiver, char byte, struct reception *reception)
{
    if (byte == '\r' || byte == '\n')
        return line_end(receiver, reception);
    if (byte == '@') {
        receiver->length = 0;
        receiver->frame = FRAME_HEADER;
        receiver->skipping = false;
    }
    if (receiver->skipping)
        return RECEIVED_NOTHING;
    if ((byte == '\b' || byte == 0x7f) && receiver->length && receiver->line[0] != '@') {
        receiver->length--;
        return RECEIVED_NOTHING;
    }
    if (receiver->length == sizeof receiver->line - 1)
        return drop(receiver, RECEIVED_NOTHING);
    receiver->line[receiver->length++] = byte;
    return receiver->line[0] == '@' ? frame_check(receiver, reception) : RECEIVED_NOTHING;
}

size_t receiver_missing(const struct receiver *receiver)
{
    return receiver->length && receiver->line[0] == '@' ? receiver->frame + FRAME_END - receiver->length : 1;
}

void frame_send(enum frame_kind kind, uint32_t sequence, const char *payload, size_t length)
{
    char frame[] = "@?:ssssssss:llll:cccccccc:";

    frame[AT_KIND] = (char)kind;
    hex_write(frame + AT_SEQUENCE, sequence, 8);
    hex_write(frame + AT_LENGTH, length, 4);
    hex_write(frame + AT_CRC, frame_crc(frame, payload, length), 8);
    console_write(frame, FRAME_HEADER);
    console_write(payload, length);
    console_write("~\r\n", 3);
}
