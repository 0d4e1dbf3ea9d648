/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STRING_H
#define STRING_H
#include <stddef.h>
void *memchr(const void *memory, int byte, size_t length);
int strcmp(const char *one, const char *other);
char *strerror(int number);
size_t strlen(const char *text);
char *strtok(char *text, const char *between);
#endif
