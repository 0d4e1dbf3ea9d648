/* SPDX-License-Identifier: Apache-2.0 */
/* The few functions on bytes and numbers that the core needs; the first four are the C library's where there is one. */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int value, size_t length);
int memcmp(const void *a, const void *b, size_t length);

bool text_equal(const char *a, const char *b);
size_t text_length(const char *text);
int hex_digit(char c);                                   /* 0..15, or -1 */
void hex_write(char *to, uint64_t value, unsigned digits); /* lower case, no terminator */

/* Decimal, or hexadecimal with 0x; a trailing K, M or G multiplies. False when that is not what TEXT is. */
bool number_parse(const char *text, uint64_t *value);

/* Replaces %XX by the byte it names, in place. Returns the length, or -1 when an escape is not two hex digits. */
int percent_decode(char *text);

#endif
