/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STDLIB_H
#define STDLIB_H
#include <stddef.h>
#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1
unsigned long strtoul(const char *text, char **end, int base);
#endif
