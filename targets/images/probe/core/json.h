/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes one JSON object on one line into a buffer.
 *
 * Addresses, register contents and masks are strings of hexadecimal digits with 0x, because a JSON number loses bits
 * above 2^53 in many readers; counts, sizes, indices and times are numbers. The character @ never appears: a frame on
 * the console begins with it (see frame.h).
 */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json {
    char *text;
    size_t capacity;
    size_t length;
    bool overflow;                /* something did not fit; the text is then of no use */
    bool first;                   /* no comma before the next item */
};

void json_start(struct json *json, char *buffer, size_t capacity);
void json_object(struct json *json, const char *key);    /* KEY is NULL inside an array and for the outermost object */
void json_object_end(struct json *json);
void json_array(struct json *json, const char *key);
void json_array_end(struct json *json);
void json_number(struct json *json, const char *key, uint64_t value);
void json_hex(struct json *json, const char *key, uint64_t value);
void json_string(struct json *json, const char *key, const char *text);
void json_name(struct json *json, const char *key, const void *bytes, size_t length); /* any bytes, as Latin-1 */
void json_bytes(struct json *json, const char *key, const volatile void *bytes, size_t length); /* as hex digits */
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);
void json_text_or_null(struct json *json, const char *key, const char *text);

#endif
