/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames on the console: @KIND:SSSSSSSS:LLLL:CCCCCCCC:PAYLOAD~ and a line end. Sequence number, length of the payload
 * and checksum are lower-case hexadecimal; the CRC-32 covers "KIND:SSSSSSSS:LLLL:" and the payload. No other @ can
 * occur in a frame, so a receiver that has lost its way starts again at the next one. A line with ~ is what is left of
 * a frame that has lost its beginning, never a typed command. docs/probe.md has the rules.
 */
#ifndef FRAME_H
#define FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FRAME_HEADER = 26,
    FRAME_END = 2,                /* ~ and a line end */
    REQUEST_MAX = 8448,           /* payload of a request: 4 KiB as hex digits and the words before them */
    ANSWER_MAX = 32768,           /* payload of an answer */
};

enum frame_kind {
    FRAME_REQUEST = 'Q',
    FRAME_ANSWER = 'A',
    FRAME_REFUSAL = 'N',          /* a request came, but damaged */
    FRAME_HELLO = 'H',            /* the probe has (re)started */
};

struct receiver {
    char line[FRAME_HEADER + REQUEST_MAX + 1];
    size_t length;
    size_t frame;                 /* bytes of the frame that has begun, as far as they are known */
    bool skipping;                /* until the next line end or @ */
};

enum received {
    RECEIVED_NOTHING,
    RECEIVED_REQUEST,             /* payload and sequence are set */
    RECEIVED_DAMAGED,             /* a request whose length, form or checksum is wrong */
    RECEIVED_LINE,                /* payload is a line that is no frame */
};

struct reception {
    char *payload;                /* terminated; valid until the next byte is pushed */
    uint32_t sequence;
    uint32_t crc;
};

enum received receiver_push(struct receiver *receiver, char byte, struct reception *reception);
size_t receiver_missing(const struct receiver *receiver);    /* how many bytes have to come at least */
void frame_send(enum frame_kind kind, uint32_t sequence, const char *payload, size_t length);

#endif
